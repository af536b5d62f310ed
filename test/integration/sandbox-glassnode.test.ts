/** The fake Glassnode against the recordings, its limits, and the source against it over real HTTP. */
import { Value } from '@sinclair/typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock } from '../../src/kernel/time.js';
import { assetsSchema } from '../../src/sources/glassnode-assets.js';
import { pointsSchema } from '../../src/sources/glassnode-points.js';
import { glassnode, type GlassnodeOptions } from '../../src/sources/glassnode.js';
import { undiciTransport, type UndiciTransport } from '../../src/sources/http.undici.js';
import { SANDBOX_KEYS, type Fault } from '../../src/sources/sandbox/index.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';
import { collectOnce, world, type World } from '../support/sources-context.js';

const KEY = SANDBOX_KEYS['GLASSNODE_API_KEY'] ?? '';
const ask = (kit: Kit, path: string, key = KEY): Promise<Got> =>
  kit.get('glassnode', path, { 'x-api-key': key });
const PRICE = '/metrics/market/price_usd_close?a=BTC&i=24h&s=1735689600&u=1735862400';
const rows = (answer: Got): readonly { readonly t: number }[] => answer.body as { t: number }[];
const left = (answer: Got): readonly (string | null)[] =>
  ['limit', 'remaining', 'reset'].map((name) => answer.headers.get(`x-rate-limit-${name}`));

describe('fake glassnode: data', () => {
  it.each([
    ['price_usd_close_BTC_2', PRICE],
    ['price_usd_ohlc_BTC_2', PRICE.replace('close', 'ohlc')],
    [
      'active_count_pit_BTC_3',
      PRICE.replace('market/price_usd_close', 'addresses/active_count_pit'),
    ],
  ])('answers like the recorded %s', async (name, path) => {
    const kit = await sandboxKit();
    const answer = await ask(kit, path);
    const recorded = recording(`glassnode/${name}.json`);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(shapeOf(answer.body)).toEqual(shapeOf(recorded.body));
    // The end is exclusive, as recorded.
    expect(rows(answer).map(({ t }) => t)).toEqual([1735689600, 1735776000]);
    expect(Value.Check(pointsSchema, answer.body)).toBe(true);
  });

  it('lists its assets and describes a metric in the recorded shapes', async () => {
    const kit = await sandboxKit();
    const assets = await ask(kit, '/metadata/assets');
    expect(shapeOf(assets.body)).toEqual(shapeOf(recording('glassnode/cli_assets.json').body));
    expect(Value.Check(assetsSchema, assets.body)).toBe(true);
    const described = await ask(kit, '/metadata/metric?path=/market/marketcap_usd');
    expect(described.body).toMatchObject({ path: '/market/marketcap_usd', tier: 1 });
  });

  it('publishes a point when its period is over and its delay is past, and never alters it', async () => {
    const kit = await sandboxKit();
    kit.control.configure('glassnode', { publishDelayMs: 5 * MINUTE_MS });
    const path = `/metrics/market/mvrv?a=BTC&i=1h&s=${String((NOON - 5 * HOUR_MS) / 1000)}`;
    const before = rows(await ask(kit, path));
    expect(before.at(-1)?.t).toBe((NOON - 2 * HOUR_MS) / 1000);
    kit.clock.jump(5 * MINUTE_MS);
    const after = rows(await ask(kit, path));
    expect(after.length).toBe(before.length + 1);
    expect(after.slice(0, -1)).toEqual(before);
  });

  it('serves the same bytes for the same seed, and others for another seed or revision', async () => {
    const [one, two, other] = [
      await sandboxKit({ seed: 4 }),
      await sandboxKit({ seed: 4 }),
      await sandboxKit({ seed: 5 }),
    ];
    const first = (await ask(one, PRICE)).text;
    expect((await ask(two, PRICE)).text).toBe(first);
    expect((await ask(other, PRICE)).text).not.toBe(first);
    two.control.configure('glassnode', { revision: 1 });
    expect((await ask(two, PRICE)).text).not.toBe(first);
  });
});

describe('fake glassnode: refusals', () => {
  it('wants a key it knows, in the recorded words', async () => {
    const kit = await sandboxKit();
    const recorded = recording('glassnode/cli_401_invalid_key.json');
    for (const answer of [await ask(kit, PRICE, 'nope'), await kit.get('glassnode', PRICE, {})]) {
      expect([answer.status, answer.body]).toEqual([recorded.status, recorded.body]);
    }
  });

  it('objects to what it does not know', async () => {
    const kit = await sandboxKit();
    const of = (query: string) => ask(kit, `/metrics/market/mvrv?${query}`);
    for (const query of ['', 'a=NOPE', 'a=BTC&i=1w', 'a=BTC&s=x', 'a=BTC&f=csv']) {
      expect((await of(query)).status).toBe(400);
    }
    expect((await ask(kit, '/metrics/market/unheard_of?a=BTC')).status).toBe(404);
    expect((await ask(kit, '/metadata/metric?path=/unheard/of')).status).toBe(404);
  });

  it('counts a minute from its first request, metadata apart, and says what is left', async () => {
    const kit = await sandboxKit();
    kit.control.configure('glassnode', { requestLimit: 2, signalGraceMs: 0 });
    expect(left(await ask(kit, PRICE))).toEqual(['2', '1', '60']);
    await kit.clock.advance(20_500);
    expect(left(await ask(kit, PRICE))).toEqual(['2', '0', '40']);
    const refused = await ask(kit, PRICE);
    const recorded = recording('glassnode/doc_429.json');
    expect([refused.status, refused.text]).toEqual([recorded.status, '']);
    expect(left(refused)).toEqual(['2', '0', '40']);
    expect(refused.headers.get('retry-after')).toBeNull();
    expect(left(await ask(kit, '/metadata/assets'))).toEqual(['1200', '1199', '60']);
    kit.control.reset();
    kit.control.configure('glassnode', { requestLimit: 1, signalGraceMs: 0 });
    await ask(kit, PRICE);
    await ask(kit, PRICE);
    await kit.clock.advance(59_999);
    expect((await ask(kit, PRICE)).status).toBe(429);
    expect(kit.control.counters('glassnode').violations).toBe(1);
    await kit.clock.advance(1);
    expect((await ask(kit, PRICE)).status).toBe(200);
    expect(kit.control.counters('glassnode').violations).toBe(1);
  });

  it('charges the day for metrics it answered, until midnight UTC', async () => {
    const kit = await sandboxKit();
    kit.control.configure('glassnode', { dailyCalls: 2 });
    await ask(kit, '/metadata/assets');
    await ask(kit, '/metrics/market/mvrv?a=NOPE');
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await ask(kit, PRICE)).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await ask(kit, PRICE)).text).toMatch(/daily.*limit exceeded/i);
    expect(Object.values(kit.control.snapshot().providers.glassnode.usage)).toMatchObject([
      { calls: 2 },
    ]);
    kit.clock.jump(DAY_MS / 2);
    expect((await ask(kit, PRICE)).status).toBe(200);
  });
});

describe('the source against it', () => {
  let transport: UndiciTransport;
  beforeAll(() => {
    transport = undiciTransport({ clock: systemClock() });
  });
  afterAll(() => transport.close());

  const options: GlassnodeOptions = {
    assets: ['BTC', 'ETH'],
    metrics: ['mvrv', 'price_ohlc'],
    resolution: '1h',
    backfillFrom: 60,
    assetDetails: true,
  };
  const around = (kit: Kit): World => {
    const made = world(transport, kit.upstreamUrl('glassnode'), kit.clock.now());
    made.key = KEY;
    return made;
  };

  it('reads every page to the end, a second run only what is new, and nothing twice', async () => {
    const kit = await sandboxKit({ at: NOON + MINUTE_MS });
    const gap = { asset: 'ETH', fromMs: NOON - 40 * DAY_MS, toMs: NOON - 39 * DAY_MS };
    kit.control.configure('glassnode', { gaps: [gap] });
    const of = around(kit);
    const one = await collectOnce(glassnode, options, of);
    expect(one.failure).toBeUndefined();
    const hours = 60 * 24 + 12;
    expect(one.records.length).toBe(2 + 4 * hours - 2 * 24);
    expect(one.pages.flatMap(({ gaps }) => gaps ?? []).map(({ missing }) => missing)).toEqual([
      24, 24,
    ]);
    expect(new Set(one.records.map(({ id }) => id)).size).toBe(one.records.length);
    expect((await collectOnce(glassnode, options, of)).records).toEqual([]);
    kit.clock.jump(3 * HOUR_MS);
    of.now = kit.clock.now();
    const two = await collectOnce(glassnode, options, of);
    expect(two.records.length).toBe(4 * 3);
    expect(two.records.every(({ at }) => at >= NOON)).toBe(true);
    expect(kit.control.counters('glassnode').violations).toBe(0);
    const bySeries = new Set(two.pages.map(({ series }) => series));
    expect(bySeries.size).toBe(4);
  });

  it.each<[string, Fault, string]>([
    ['a 429', { kind: 'status', status: 429, retryAfter: 'none' }, 'throttled'],
    ['a 500', { kind: 'status', status: 500, body: 'html' }, 'server'],
    ['a 503 with Retry-After', { kind: 'status', status: 503, retryAfter: 'seconds' }, 'throttled'],
    ['a reset', { kind: 'reset', at: 'mid_body' }, 'server'],
    ['a cut', { kind: 'truncated' }, 'bad_data'],
    ['a huge body', { kind: 'huge', bytes: 8 * 1024 ** 2 }, 'bad_data'],
    ['a bomb', { kind: 'gzip_bomb', bytes: 8 * 1024 ** 2 }, 'bad_data'],
    ['half JSON', { kind: 'invalid_json', form: 'cut' }, 'bad_data'],
    ['a page', { kind: 'invalid_json', form: 'html' }, 'bad_data'],
    ['a renamed field', { kind: 'schema_drift', drift: 'rename' }, 'bad_data'],
    ['a retyped value', { kind: 'schema_drift', drift: 'retype', field: 'v' }, 'bad_data'],
    ['a redirect', { kind: 'redirect' }, 'client'],
    ['a revoked key', { kind: 'auth_revoked' }, 'auth'],
    ['a used-up plan', { kind: 'quota_gone' }, 'quota_exhausted'],
    ['a ban', { kind: 'ban' }, 'banned'],
  ])('classes %s and keeps its cursors', async (_what, fault, outcome) => {
    const kit = await sandboxKit();
    kit.control.setFaults('glassnode', [fault]);
    const of = around(kit);
    const run = await collectOnce(
      glassnode,
      { ...options, metrics: ['mvrv'], assetDetails: false },
      of,
    );
    expect(run).toMatchObject({ failure: { outcome }, records: [] });
    expect([...of.cursors.keys()].filter((name) => !name.startsWith('rotation/'))).toEqual([]);
    kit.control.clearFaults('glassnode');
  });

  it('reads well under a byte order mark, another content type and a clock that is off', async () => {
    const kit = await sandboxKit();
    kit.control.setFaults('glassnode', [
      { kind: 'invalid_json', form: 'bom', count: 1 },
      { kind: 'content_type', count: 1 },
      { kind: 'clock_skew', ms: -2 * HOUR_MS },
    ]);
    const of = around(kit);
    const run = await collectOnce(glassnode, { ...options, metrics: ['mvrv'] }, of);
    expect(run.failure).toBeUndefined();
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(run.records.length);
    const resets = of.verdicts.flatMap(({ observations }) => observations);
    // Seconds left are a length: the upstream's clock does not matter.
    for (const { resetAt = 0 } of resets) expect(resetAt).toBeLessThanOrEqual(of.now + MINUTE_MS);
    expect(resets.length).toBeGreaterThan(0);
  });
});
