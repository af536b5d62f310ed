/** Points live and backfill, what makes them impossible, bodies that cannot be, and the answers' classes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import { METRIC_NAMES } from '../../src/sources/glassnode-metrics.js';
import { POINTS_PER_PAGE } from '../../src/sources/glassnode-points.js';
import { LIVE_PAGES_MAX } from '../../src/sources/glassnode-read.js';
import { FIRST_POINTS, glassnode, type GlassnodeOptions } from '../../src/sources/glassnode.js';
import { OUTCOMES, type Exchange } from '../../src/sources/port.js';
import { glassnodeProfile, UNTOLD_BAN_MS } from '../../src/sources/profiles/glassnode.js';
import { judged, mangled } from '../support/sources-mangle.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';
import { recording } from '../support/sources-server.js';

const now = Date.UTC(2026, 0, 15, 12, 30);
const midnight = Date.UTC(2026, 0, 15);
const options: GlassnodeOptions = { assets: ['BTC'], metrics: ['mvrv'], resolution: '24h' };
const series = 'BTC/mvrv/24h';

type Range = { readonly from: number; readonly to: number };
const rangeOf = ({ query }: Asked): Range => ({
  from: Number(query['s']) * 1000,
  to: Number(query['u']) * 1000,
});

/** An upstream with a point for each period that is over, but where `lacks`. */
function points(
  at: () => number,
  length = DAY_MS,
  lacks: (t: number) => boolean = () => false,
): Script {
  return (asked) => {
    const { from, to } = rangeOf(asked);
    const rows: Json[] = [];
    for (let t = Math.ceil(from / length) * length; t < to && t + length <= at(); t += length) {
      if (!lacks(t)) rows.push({ t: t / 1000, v: t / DAY_MS });
    }
    return rows;
  };
}

const timesOf = (run: { records: readonly { data: Readonly<Record<string, unknown>> }[] }) =>
  run.records.map(({ data }) => data['time_ms']);

describe('a series', () => {
  it('begins some points back, then reads only what is new', async () => {
    let at = now;
    const script = points(() => at);
    const one = await collectFrom(glassnode, options, script, { now });
    expect(one.failure).toBeUndefined();
    // All of them but today's, whose day is not over (G1).
    expect(one.records.length).toBe(FIRST_POINTS);
    expect(one.asked.map(({ endpoint, path }) => [endpoint, path])).toEqual([
      ['mvrv', '/metrics/market/mvrv'],
    ]);
    expect(one.records.at(-1)).toEqual({
      id: `onchain_metric:BTC:mvrv:24h:${String(midnight - DAY_MS)}`,
      kind: 'onchain_metric',
      series,
      at: midnight - 1,
      data: {
        asset: 'BTC',
        metric: 'mvrv',
        resolution: '24h',
        time_ms: midnight - DAY_MS,
        value: (midnight - DAY_MS) / DAY_MS,
      },
    });
    const idle = await collectFrom(glassnode, options, script, { now, cursors: one.cursors });
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    expect(idle.asked.length).toBe(1);
    at = now + 2 * DAY_MS;
    const more = await collectFrom(glassnode, options, script, { now: at, cursors: one.cursors });
    expect(timesOf(more)).toEqual([midnight, midnight + DAY_MS]);
  });

  it('leaves out the running period, though the upstream shows it (G1)', async () => {
    const eager: Script = () => [
      { t: (midnight - DAY_MS) / 1000, v: 1 },
      { t: midnight / 1000, v: 2 },
    ];
    const cursors = new Map<string, Json>([[series, { next: midnight - DAY_MS }]]);
    const run = await collectFrom(glassnode, options, eager, { now, cursors });
    expect(timesOf(run)).toEqual([midnight - DAY_MS]);
    expect(cursors.get(series)).toMatchObject({ next: midnight });
  });

  it('tells what is missing between points, and waits for what is missing at the end (G3)', async () => {
    const hole = midnight - 3 * DAY_MS;
    let lacking = [hole, midnight - DAY_MS];
    const script = points(
      () => now,
      DAY_MS,
      (t) => lacking.includes(t),
    );
    const run = await collectFrom(glassnode, options, script, { now });
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([
      { fromMs: hole, toMs: hole + DAY_MS, missing: 1 },
    ]);
    expect(run.cursors.get(series)).toMatchObject({ next: midnight - DAY_MS });
    lacking = [hole];
    const next = await collectFrom(glassnode, options, script, { now, cursors: run.cursors });
    expect(timesOf(next)).toEqual([midnight - DAY_MS]);
  });

  it('takes a row without value for a missing one (G3)', async () => {
    const rows = [1, null, 3, null].map((v, n) => ({ t: (midnight - (4 - n) * DAY_MS) / 1000, v }));
    const cursors = new Map<string, Json>([[series, { next: midnight - 4 * DAY_MS }]]);
    const run = await collectFrom(glassnode, options, () => rows, { now, cursors });
    expect(run.records.map(({ data }) => data['value'])).toEqual([1, 3]);
    expect(run.pages.flatMap(({ gaps }) => gaps ?? []).length).toBe(1);
    expect(cursors.get(series)).toMatchObject({ next: midnight - DAY_MS });
  });

  it('passes over a page that is empty for good', async () => {
    const ten: GlassnodeOptions = { ...options, resolution: '10m' };
    const start = midnight - 3 * POINTS_PER_PAGE * 10 * MINUTE_MS;
    const cursors = new Map<string, Json>([['BTC/mvrv/10m', { next: start }]]);
    const script = points(
      () => now,
      10 * MINUTE_MS,
      (t) => t < midnight - HOUR_MS,
    );
    const run = await collectFrom(glassnode, ten, script, { now, cursors });
    expect(timesOf(run)[0]).toBe(midnight - HOUR_MS);
    const missing = run.pages.flatMap(({ gaps }) => gaps ?? []).map((gap) => gap.missing);
    expect(missing.reduce((sum, one) => sum + one, 0)).toBe(3 * POINTS_PER_PAGE - 6);
  });

  it('is read in pages, some per run, and goes on where it stopped (G4)', async () => {
    const hourly: GlassnodeOptions = { ...options, resolution: '1h' };
    const pages = LIVE_PAGES_MAX + 2;
    const start = midnight - pages * POINTS_PER_PAGE * HOUR_MS;
    const cursors = new Map<string, Json>([['BTC/mvrv/1h', { next: start }]]);
    const script = points(() => now, HOUR_MS);
    const one = await collectFrom(glassnode, hourly, script, { now, cursors });
    expect(one.asked.length).toBe(LIVE_PAGES_MAX);
    const two = await collectFrom(glassnode, hourly, script, { now, cursors });
    const times = [...timesOf(one), ...timesOf(two)];
    expect(times.length).toBe(pages * POINTS_PER_PAGE + 12);
    expect(new Set(times).size).toBe(times.length);
  });

  it('repeats one page at most after a crash in the middle, and loses none', async () => {
    const hourly: GlassnodeOptions = { ...options, resolution: '1h', backfillFrom: 200 };
    const script = points(
      () => now,
      HOUR_MS,
      (t) => t % (7 * HOUR_MS) === 0,
    );
    const whole = await collectFrom(glassnode, hourly, script, { now });
    expect(whole.failure).toBeUndefined();
    for (let pagesMax = 1; pagesMax <= whole.pages.length; pagesMax += 1) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(glassnode, hourly, script, { now, cursors, pagesMax });
      const rest = await collectFrom(glassnode, hourly, script, { now, cursors });
      const lost = cut.pages.at(-1)?.records.length ?? 0;
      expect(cut.records.length + rest.records.length).toBe(whole.records.length + lost);
      const ids = new Set([...cut.records, ...rest.records].map(({ id }) => id));
      expect(ids.size).toBe(whole.records.length);
    }
  });

  it('reads its past after every series is up to now, and once', async () => {
    const two: GlassnodeOptions = { ...options, metrics: ['mvrv', 'price'], backfillFrom: 3000 };
    const script = points(() => now);
    const run = await collectFrom(glassnode, two, script, { now });
    expect(run.asked.map(({ priority }) => priority)).toEqual([
      'live',
      'live',
      ...Array.from({ length: 6 }, () => 'backfill'),
    ]);
    expect(run.records.length).toBe(2 * 3000);
    expect(run.cursors.get(series)).toEqual({ next: midnight, from: midnight - 3000 * DAY_MS });
    const further = { ...two, backfillFrom: 3100 };
    const more = await collectFrom(glassnode, further, script, { now, cursors: run.cursors });
    expect(more.records.length).toBe(2 * 100);
  });

  it('goes on in its past after the last row, however few came', async () => {
    const stingy: Script = (asked) => (points(() => now)(asked) as Json[]).slice(0, 7);
    const run = await collectFrom(glassnode, { ...options, backfillFrom: 60 }, stingy, { now });
    expect(run.failure).toBeUndefined();
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([]);
    expect(run.records.length).toBe(60);
  });

  it('reads points again on request: a revised one keeps its id', async () => {
    const rechecking: GlassnodeOptions = { ...options, recheckPoints: 3 };
    let factor = 1;
    const script: Script = (asked) =>
      (points(() => now)(asked) as { t: number; v: number }[]).map(({ t, v }) => ({
        t,
        v: v * factor,
      }));
    const one = await collectFrom(glassnode, rechecking, script, { now });
    factor = 2;
    const two = await collectFrom(glassnode, rechecking, script, { now, cursors: one.cursors });
    expect(two.records.map(({ id }) => id)).toEqual(one.records.slice(-3).map(({ id }) => id));
    expect(two.records[0]?.data['value']).not.toBe(one.records.at(-3)?.data['value']);
    expect(two.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([]);
    expect(two.cursors.get(series)).toMatchObject({ next: midnight });
  });

  it('whose turn it was when a run was cut begins the next', async () => {
    const many: GlassnodeOptions = { ...options, metrics: ['nvt', 'mvrv', 'price'] };
    const cursors = new Map<string, Json>();
    const asked: string[] = [];
    for (let run = 0; run < 3; run += 1) {
      let calls = 0;
      const narrow: Script = (one) => {
        calls += 1;
        if (calls > 2) return failing('blocked');
        asked.push(one.endpoint);
        return points(() => now)(one);
      };
      await collectFrom(glassnode, many, narrow, { now, cursors });
    }
    expect(asked).toEqual(['nvt', 'mvrv', 'price', 'nvt', 'mvrv', 'price']);
  });

  it('that the upstream rejects does not hold up the others; a used-up plan ends the run (G5)', async () => {
    const two: GlassnodeOptions = { ...options, metrics: ['nvt', 'mvrv'] };
    const good = points(() => now);
    const run = await collectFrom(
      glassnode,
      two,
      (asked) => (asked.endpoint === 'nvt' ? failing('client') : good(asked)),
      { now },
    );
    expect(run.failure?.outcome).toBe('client');
    expect(run.records.length).toBe(FIRST_POINTS);
    const gone = await collectFrom(glassnode, two, () => failing('quota_exhausted'), { now });
    expect(gone.asked.length).toBe(1);
  });

  it.each([
    'x',
    3,
    { next: -1 },
    { next: 5 },
    { next: midnight, from: midnight + DAY_MS },
  ] as Json[])('begins anew when its cursor is %j', async (cursor) => {
    const cursors = new Map<string, Json>([[series, cursor]]);
    const run = await collectFrom(
      glassnode,
      options,
      points(() => now),
      { now, cursors },
    );
    expect(run.records.length).toBe(FIRST_POINTS);
  });
});

describe('points', () => {
  const day = (n: number): number => (midnight - n * DAY_MS) / 1000;
  const from = midnight - 5 * DAY_MS;
  const read = (metric: GlassnodeOptions['metrics'][number], rows: Json) => {
    const of = { ...options, metrics: [metric] };
    const cursors = new Map<string, Json>([[`BTC/${metric}/24h`, { next: from }]]);
    return collectFrom(glassnode, of, () => rows, { now, cursors });
  };

  it.each<[string, GlassnodeOptions['metrics'][number], Json]>([
    [
      'out of order',
      'mvrv',
      [
        { t: day(3), v: 1 },
        { t: day(4), v: 1 },
      ],
    ],
    [
      'the same moment twice',
      'mvrv',
      [
        { t: day(3), v: 1 },
        { t: day(3), v: 1 },
      ],
    ],
    ['off the grid', 'mvrv', [{ t: day(3) + 1, v: 1 }]],
    ['before what was asked', 'mvrv', [{ t: day(6), v: 1 }]],
    ['in the future', 'mvrv', [{ t: day(-3), v: 1 }]],
    ['after what was asked', 'mvrv', [{ t: day(-5000), v: 1 }]],
    ['below 0 where nothing can be', 'active_addresses', [{ t: day(3), v: -1 }]],
    ['a value that is no number', 'mvrv', [{ t: day(3), v: '1' }]],
    ['a value without end', 'mvrv', [{ t: day(3), v: Number.POSITIVE_INFINITY }]],
    ['prices where one value belongs', 'mvrv', [{ t: day(3), o: { o: 1, h: 1, l: 1, c: 1 } }]],
    ['one value where prices belong', 'price_ohlc', [{ t: day(3), v: 1 }]],
    ['prices that disagree', 'price_ohlc', [{ t: day(3), o: { o: 1, h: 2, l: 1, c: 3 } }]],
    ['prices without a low', 'price_ohlc', [{ t: day(3), o: { o: 1, h: 2, c: 2 } }]],
    ['milliseconds for seconds', 'mvrv', [{ t: day(3) * 1000, v: 1 }]],
    ['an object', 'mvrv', { data: [] }],
    ['null', 'mvrv', null],
  ])('that are impossible (%s) are bad data and move no cursor', async (_what, metric, rows) => {
    const run = await read(metric, rows);
    expect(run).toMatchObject({ records: [], pages: [], failure: { outcome: 'bad_data' } });
  });

  it('below 0 are fine where they may be, and extra members are none of ours', async () => {
    const run = await read('exchange_net_flow', [{ t: day(3), v: -7.5, partitions: {} }]);
    expect(run.records.map(({ data }) => data['value'])).toEqual([-7.5]);
  });

  it('with parts keep them by name', async () => {
    const run = await read('price_ohlc', [{ t: day(3), o: { o: 2, h: 4, l: 1, c: 3 } }]);
    expect(run.records[0]?.data['parts']).toEqual({ open: 2, high: 4, low: 1, close: 3 });
  });
});

describe('assets', () => {
  const described: GlassnodeOptions = { ...options, assetDetails: true };
  const list = recording('glassnode', 'cli_assets').response.body;
  const script: Script = (asked) => (asked.endpoint === 'assets' ? list : points(() => now)(asked));

  it('are described once a day, where that is wanted', async () => {
    const one = await collectFrom(glassnode, described, script, { now });
    expect(one.records[0]).toMatchObject({
      id: 'onchain_asset:BTC',
      kind: 'onchain_asset',
      at: midnight,
      data: { name: 'Bitcoin', asset_type: 'BLOCKCHAIN', tags: ['layer1Token'] },
    });
    const again = await collectFrom(glassnode, described, script, { now, cursors: one.cursors });
    expect(again.asked.map(({ endpoint }) => endpoint)).toEqual(['mvrv']);
    const later = await collectFrom(glassnode, described, script, {
      now: now + DAY_MS,
      cursors: one.cursors,
    });
    expect(later.asked[0]?.endpoint).toBe('assets');
  });

  it('that come twice are bad data, and hold up no series', async () => {
    const { data } = list as { readonly data: readonly Json[] };
    const twice: Script = (asked) =>
      asked.endpoint === 'assets' ? { data: [...data, ...data] } : points(() => now)(asked);
    const run = await collectFrom(glassnode, described, twice, { now });
    expect(run.failure?.outcome).toBe('bad_data');
    expect(run.records.length).toBe(FIRST_POINTS);
  });
});

describe('a ruined body', () => {
  it.each([
    ['price_usd_close_BTC_2', 'price'],
    ['price_usd_ohlc_BTC_2', 'price_ohlc'],
    ['active_count_pit_BTC_3', 'active_addresses_pit'],
  ] as const)('of %s is a class and never a wrong record', async (name, metric) => {
    const body = recording('glassnode', name).response.body as readonly { readonly t: number }[];
    const first = (body[0]?.t ?? 0) * 1000;
    const at = first + 10 * DAY_MS;
    const of: GlassnodeOptions = { ...options, metrics: [metric] };
    const run = (answer: Json) => {
      const cursors = new Map<string, Json>([[`BTC/${metric}/24h`, { next: first }]]);
      return collectFrom(glassnode, of, () => answer, { now: at, cursors });
    };
    const whole = new Map((await run(body as Json)).records.map((one) => [one.id, one]));
    expect(whole.size).toBe(body.length);
    await fc.assert(
      fc.asyncProperty(mangled(body as Json), async (bytes) => {
        const { verdict, body: answer } = judged(glassnodeProfile, bytes, metric, at);
        expect(OUTCOMES).toContain(verdict.outcome);
        if (answer === undefined) {
          expect(verdict.outcome).toBe('bad_data');
          return;
        }
        const { records, failure } = await run(answer);
        expect([undefined, 'bad_data']).toContain(failure?.outcome);
        for (const { id, data } of records) expect(whole.get(id)?.data).toMatchObject(data);
      }),
      { numRuns: 300 },
    );
  });

  it('of enormous length is bad data', async () => {
    const rows = Array.from({ length: 2 * POINTS_PER_PAGE + 1 }, () => ({ t: 0, v: 1 }));
    const run = await collectFrom(glassnode, options, () => rows, { now });
    expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
    const parts = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`p${String(n)}`, n]));
    const wide = await collectFrom(glassnode, options, () => [{ t: 0, o: parts }], { now });
    expect(wide.failure?.outcome).toBe('bad_data');
  });

  it('of assets is a class and never a wrong record', async () => {
    const body = recording('glassnode', 'cli_assets').response.body;
    const described: GlassnodeOptions = { ...options, assetDetails: true };
    await fc.assert(
      fc.asyncProperty(mangled(body), async (bytes) => {
        const { body: answer } = judged(glassnodeProfile, bytes, 'assets', now);
        if (answer === undefined) return;
        const script: Script = ({ endpoint }) => (endpoint === 'assets' ? answer : []);
        const { records } = await collectFrom(glassnode, described, script, { now });
        for (const { data } of records) {
          expect({ symbol: 'BTC', name: 'Bitcoin' }).toMatchObject({
            symbol: data['symbol'],
            name: data['name'],
          });
        }
      }),
    );
  });
});

describe('the profile', () => {
  const at = now;
  const answer = (status: number, headers = {}, body = ''): Exchange => ({
    kind: 'answered',
    status,
    headers,
    body: Buffer.from(body),
    durationMs: 1,
  });
  const judge = (exchange: Exchange, endpoint = 'mvrv') =>
    glassnodeProfile.judge(exchange, undefined, at, endpoint);
  const told = (limit: string, remaining: string, reset: string) => ({
    'x-rate-limit-limit': limit,
    'x-rate-limit-remaining': remaining,
    'x-rate-limit-reset': reset,
  });

  it('reads the reset as seconds left, and metadata as a bucket apart', () => {
    const exchange = answer(200, told('600', '599', '60'));
    const seen = { limit: 600, remaining: 599, resetAt: at + 60_000 };
    expect(judge(exchange).observations).toEqual([{ bucket: 'requests', ...seen }]);
    expect(judge(exchange, 'assets').observations).toEqual([{ bucket: 'metadata', ...seen }]);
  });

  it.each([
    ['-1', 'x', 'soon', 3],
    ['600', '599', '1e9', 1],
    ['', '', '', 3],
  ])('ignores and counts what makes no sense (%j, %j, %j)', (limit, remaining, reset, count) => {
    expect(judge(answer(200, told(limit, remaining, reset))).malformedHeaders).toBe(count);
  });

  it('waits after a 429 for the window to end', () => {
    expect(judge(answer(429, told('600', '0', '17')))).toMatchObject({
      outcome: 'throttled',
      retryAt: at + 17_000,
      observations: [{ remaining: 0 }],
      charged: false,
    });
    expect(judge(answer(429, { 'retry-after': '5', ...told('600', '0', '17') })).retryAt).toBe(
      at + 5000,
    );
    expect(judge(answer(429)).retryAt).toBeUndefined();
  });

  it.each([
    [429, 'Daily API call limit exceeded', 'quota_exhausted', midnight + DAY_MS],
    [402, 'Your monthly credits are used up', 'quota_exhausted', Date.UTC(2026, 1, 1)],
    [403, 'This metric needs a Tier 3 subscription', 'client', undefined],
    [403, '<html><h1>403 Forbidden</h1></html>', 'banned', at + UNTOLD_BAN_MS],
    [403, 'Forbidden', 'auth', undefined],
    [401, '{"error":"Invalid API key"}', 'auth', undefined],
    [400, 'unknown asset', 'client', undefined],
    [404, '', 'client', undefined],
    [503, '', 'server', undefined],
  ] as const)('means by %i %j: %s', (status, body, outcome, retryAt) => {
    const verdict = judge(answer(status, {}, body));
    expect([verdict.outcome, verdict.retryAt]).toEqual([outcome, retryAt]);
    if (outcome === 'quota_exhausted') expect(verdict.bucket).toBe('calls');
  });

  it('has weights for every metric: the plan and the minute; metadata only its own', () => {
    for (const metric of METRIC_NAMES) {
      expect(glassnodeProfile.weights[metric]).toEqual({ calls: 1, requests: 1 });
    }
    expect(glassnodeProfile.weights['assets']).toEqual({ metadata: 1 });
    expect(glassnodeProfile.headers({ GLASSNODE_API_KEY: 'k' })['x-api-key']).toBe('k');
  });
});

describe('options', () => {
  const accepts = (changed: object): boolean =>
    fitsSchema(glassnode.options, { ...glassnode.defaults, ...changed }).ok;

  it('are checked', () => {
    expect(accepts({})).toBe(true);
    expect(accepts({ backfillFrom: '2020-01-01', recheckPoints: 5, assetDetails: true })).toBe(
      true,
    );
    for (const asset of ['', 'B/C', '../x', 'a b', 'x'.repeat(50)]) {
      expect(accepts({ assets: [asset] })).toBe(false);
    }
    expect(accepts({ metrics: ['unheard_of'] })).toBe(false);
    expect(accepts({ resolution: '1w' })).toBe(false);
    expect(accepts({ resolutions: '1h' })).toBe(false);
  });
});
