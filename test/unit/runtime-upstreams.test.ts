/** A collector with several upstreams: what is wrong with one is that one's, and no other's. */
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { WARNING_CHARS_MAX, WARNINGS_MAX } from '../../src/actors/collector/warnings.js';
import type { CollectorSetup } from '../../src/actors/index.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { ProviderProfile, Reply, SourceContext } from '../../src/sources/port.js';
import { CALL, profile } from '../support/door-bench.js';
import {
  byOperator,
  engineBench,
  MINUTE,
  pageOf,
  until,
  type Collect,
  type EngineBench,
} from '../support/door-engine.js';
import { answered } from '../support/door-transport.js';

const schema = Type.Object({ ok: Type.Boolean() });
const KEY = 'secret-of-ours';

const second: ProviderProfile = { ...profile, baseUrl: 'https://second.test' };

function upstreams(missing: readonly string[] = []): CollectorSetup['upstreams'] {
  const open = { allowLoopback: false, keys: {}, missingKeys: [] };
  return {
    primary: { ...open, profile, scope: 'scope', keys: { A_KEY: KEY } },
    second: { ...open, profile: second, scope: 'second', missingKeys: missing },
  };
}

type Asked = Reply<unknown>;

function ask(context: SourceContext<JsonObject>, upstream?: string): Promise<Asked> {
  const spec = { path: '/x', schema, ...(upstream !== undefined && { upstream }) };
  return context.request(CALL, spec);
}

/** Both, one after the other; the run ends with what was wrong, the primary's first. */
const both: Collect = async function* (context) {
  const first = await ask(context);
  const further = await ask(context, 'second');
  if (first.ok || further.ok) yield pageOf(1, context.now());
  if (!first.ok) return first;
  return further.ok ? undefined : further;
};

function bench(collect: Collect, missing: readonly string[] = []): Promise<EngineBench> {
  return engineBench({ collect, setup: { upstreams: upstreams(missing) } });
}

/** Answers by host. */
function says(
  held: EngineBench,
  primary: number,
  further: number,
  body: object = { ok: true },
): void {
  held.wire.say = ({ url }) => answered(url.hostname === 'second.test' ? further : primary, body);
}

const sentTo = ({ wire }: EngineBench, host: string): number =>
  wire.sent.filter(({ url }) => url.hostname === host).length;
const runs = (held: EngineBench): number =>
  held.facts('RunSucceeded').length + held.facts('RunFailed').length;

describe('an upstream without its key', () => {
  it('is never asked, and its runs succeed with a warning that names the variable', async () => {
    const held = await bench(both, ['NEWS_KEY']);
    await until(held, () => runs(held) === 2);
    expect(held.facts('RunFailed')).toEqual([]);
    expect(held.facts('RunSucceeded')).toMatchObject([
      { warnings: ['second: set NEWS_KEY'] },
      { warnings: ['second: set NEWS_KEY'] },
    ]);
    expect(held.facts('RunBlocked')).toEqual([]);
    expect(sentTo(held, 'second.test')).toBe(0);
    expect(held.facts('CollectorConfigured')).toMatchObject([
      {
        upstreamDetails: [
          { name: 'primary', scope: 'scope' },
          { name: 'second', scope: 'second', missingKey: 'NEWS_KEY' },
        ],
      },
    ]);
  });

  it('is nobody’s way out: what blocks all the others blocks the run', async () => {
    const held = await bench(both, ['NEWS_KEY']);
    await held.engine.setBreaker('one', 'primary', 'open', {}, byOperator());
    await until(held, () => held.facts('RunBlocked').length === 1);
    expect(held.facts('RunBlocked')).toMatchObject([{ cause: 'breaker' }]);
    expect(held.wire.sent).toEqual([]);
  });
});

describe('a further upstream', () => {
  it.each([
    ['refuses our key', 401, 'auth'],
    ['bans us', 418, 'banned'],
    ['is broken', 500, 'server'],
  ])('that %s suspends nobody: the primary goes on', async (_what, status, outcome) => {
    const held = await bench(both);
    says(held, 200, status);
    await until(held, () => runs(held) >= 3);
    expect(held.facts('RunFailed')[0]).toMatchObject({ outcome, upstream: 'second' });
    expect(held.facts('CollectorSuspended')).toEqual([]);
    expect(sentTo(held, 'upstream.test')).toBeGreaterThanOrEqual(3);
  });

  it('goes on while the breaker of the primary is open, at its own cadence', async () => {
    const held = await bench(both);
    says(held, 500, 200);
    await until(held, () => held.facts('BreakerTripped').length === 1);
    const [before, runsBefore] = [sentTo(held, 'second.test'), runs(held)];
    await held.clock.advance(4 * MINUTE);
    expect(sentTo(held, 'second.test') - before).toBe(runs(held) - runsBefore);
    expect(runs(held) - runsBefore).toBeGreaterThanOrEqual(4);
    expect(held.facts('RunBlocked')).toEqual([]);
    const last = held.facts('RunFailed').at(-1);
    expect(last).toMatchObject({ outcome: 'blocked', goesOn: true });
    expect(held.engine.live('one')?.why.sentence).toBe('it waits for its next run');
  });

  it('keeps its cadence while the primary is throttled for an hour', async () => {
    const held = await bench(both);
    held.wire.say = ({ url }) =>
      url.hostname === 'second.test' ? answered(200) : answered(429, {}, { 'retry-after': '3600' });
    await until(held, () => runs(held) >= 4);
    const times = held.facts('RunFailed').map((fact) => Number(fact['atMs']));
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeLessThan(4 * MINUTE);
  });

  it('is asked again when its own short pause is over, while the primary is throttled for an hour', async () => {
    const held = await bench(both);
    held.wire.say = ({ url }) =>
      answered(429, {}, { 'retry-after': url.hostname === 'second.test' ? '65' : '3600' });
    await until(held, () => runs(held) === 1);
    held.wire.say = ({ url }) => answered(url.hostname === 'second.test' ? 200 : 429);
    const first = Number(held.facts('RunFailed')[0]?.['atMs']);
    await until(held, () => runs(held) === 2);
    expect(Number(held.facts('RunFailed')[1]?.['atMs']) - first).toBeLessThan(4 * MINUTE);
  });

  it('may be named by the source as it likes: its own name of the primary is the primary', async () => {
    const held = await bench(async function* (context) {
      const reply = await ask(context, 'primary');
      yield pageOf(1, context.now());
      return reply.ok ? undefined : reply;
    });
    says(held, 401, 200);
    await until(held, () => held.facts('RunFailed').length === 1);
    expect(held.facts('RunFailed')[0]).not.toHaveProperty('upstream');
    expect(held.facts('CollectorSuspended')).toMatchObject([{ cause: 'auth' }]);
  });
});

describe('a throttle', () => {
  it.each([
    ['without an end', {}],
    ['for ten years', { 'retry-after': '315360000' }],
    ['until a day', { 'retry-after': '86400' }],
  ])('%s is bounded, and says until when', async (_what, headers) => {
    const held = await engineBench();
    held.wire.say = () => answered(429, 'Too Many Requests\r\n', headers);
    await until(held, () => held.facts('Throttled').length > 0);
    await held.clock.advance(1000);
    await held.engine.collect('one', {}, byOperator());
    const pausedMs = Number(held.facts('Throttled')[0]?.['pauseUntilMs']) - held.clock.now();
    expect(pausedMs).toBeLessThanOrEqual(7 * 24 * 60 * MINUTE);
    const why = held.engine.live('one')?.why;
    if ('retry-after' in headers) {
      expect(why?.sentence).toMatch(/^it waits: rate limit until \d{4}-\d\d-\d\dT/);
      expect(why?.changesAt).toBeGreaterThan(held.clock.now());
    }
    expect(held.facts('BreakerTripped')).toEqual([]);
  });

  it('that goes on for a day without a word is asked again and again, ever less often', async () => {
    const held = await engineBench();
    held.wire.say = () => answered(429, 'Too Many Requests\r\n');
    const asked: number[] = [];
    held.wire.onSend = () => asked.push(held.clock.now());
    for (let hours = 0; hours < 24; hours += 1) await held.clock.advance(60 * MINUTE);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.length).toBeLessThan(150);
    expect(held.facts('BreakerTripped')).toEqual([]);
    expect(held.facts('CollectorSuspended')).toEqual([]);
  });
});

describe('the warnings of a run', () => {
  it('are recorded with its end: few, short, each once, without a secret', async () => {
    const held = await engineBench({
      async *collect(context) {
        for (const line of [`key ${KEY}`, 'twice', 'twice', 'x'.repeat(500), ' \n ']) {
          context.warn(line);
        }
        for (let n = 0; n < 2 * WARNINGS_MAX; n += 1) context.warn(`line\n${String(n)}`);
        yield await Promise.resolve(pageOf(1, context.now()));
        return undefined;
      },
      setup: { upstreams: upstreams() },
    });
    await until(held, () => held.facts('RunSucceeded').length === 1);
    const [ended] = held.facts('RunSucceeded');
    expect(ended?.['warnings']).toHaveLength(WARNINGS_MAX);
    expect(ended?.['warnings']).toMatchObject(
      ['key [redacted]', 'twice', 'x'.repeat(WARNING_CHARS_MAX), 'line 0'].concat(
        Array.from({ length: WARNINGS_MAX - 4 }, (_, n) => `line ${String(n + 1)}`),
      ),
    );
    expect(JSON.stringify(held.store.log)).not.toContain(KEY);
  });

  it('are recorded with a bad end too', async () => {
    const held = await engineBench({
      async *collect(context) {
        context.warn('part of it was missing');
        yield await Promise.resolve(pageOf(1, context.now()));
        throw new Error('a bug');
      },
    });
    await until(held, () => held.facts('RunFailed').length > 0);
    expect(held.facts('RunFailed')[0]).toMatchObject({ warnings: ['part of it was missing'] });
  });
});

describe('the verbs on a collector with several upstreams', () => {
  const states = (held: EngineBench) =>
    held.member.upstreams.map(({ handle }) => (handle.state().value as JsonObject)['override']);

  it('hold all breakers, or the one that is named', async () => {
    const held = await bench(both);
    await held.engine.setBreaker('one', 'second', 'open', {}, byOperator());
    expect(states(held)).toEqual(['none', 'held']);
    await held.engine.setBreaker('one', undefined, 'open', {}, byOperator());
    expect(states(held)).toEqual(['held', 'held']);
    await held.engine.resetBreaker('one', undefined, byOperator());
    expect(states(held)).toEqual(['none', 'none']);
    expect(await held.engine.setBreaker('one', 'third', 'open', {}, byOperator())).toMatchObject({
      ok: false,
      refusal: { kind: 'illegal-state' },
    });
  });

  it('probe those that are open, though others are closed; none: it is refused', async () => {
    const held = await bench(both);
    const probe = () => held.engine.setBreaker('one', undefined, 'half_open', {}, byOperator());
    expect(await probe()).toMatchObject({ ok: false, refusal: { kind: 'illegal-state' } });
    says(held, 200, 500);
    await until(held, () => held.facts('BreakerTripped').length === 1);
    expect(await probe()).toMatchObject({ ok: true, changed: true });
    expect(held.facts('BreakerProbing')).toHaveLength(1);
  });

  it('collect now while one can be asked, and say why when none can', async () => {
    const held = await bench(both);
    await until(held, () => runs(held) === 1);
    await held.engine.setBreaker('one', 'primary', 'open', {}, byOperator());
    expect(await held.engine.collect('one', {}, byOperator())).toMatchObject({ ok: true });
    await until(held, () => runs(held) === 2);
    await held.engine.setBreaker('one', undefined, 'open', {}, byOperator());
    expect(await held.engine.collect('one', {}, byOperator())).toMatchObject({
      ok: false,
      refusal: { kind: 'breaker-open' },
    });
  });

  it('disable, enable and restart it as one', async () => {
    const held = await bench(both);
    await until(held, () => runs(held) === 1);
    await held.engine.disable('one', {}, byOperator());
    const sent = held.wire.sent.length;
    await held.clock.advance(3 * MINUTE);
    expect(held.wire.sent).toHaveLength(sent);
    await held.engine.enable('one', {}, byOperator());
    await until(held, () => runs(held) === 2);
    expect(await held.engine.restart('one', {}, byOperator())).toMatchObject({ ok: true });
    await until(held, () => runs(held) === 3);
    const rate = { maxRequestsPerSecond: 2 };
    expect(await held.engine.setRateLimit('one', rate, byOperator())).toMatchObject({ ok: true });
  });

  it('get a new token when it is restarted', async () => {
    let granted = 0;
    const token = {
      endpoint: 'token',
      baseUrl: 'https://tokens.test',
      request: () => ({ path: '/t', headers: {}, body: '' }),
      read: () => ({ token: 't', lastsMs: 1e9 }),
    };
    const tokened = { ...profile, token, weights: { ...profile.weights, token: {} } };
    const held = await engineBench({
      setup: {
        upstreams: {
          primary: {
            profile: tokened,
            scope: 'scope',
            allowLoopback: false,
            keys: {},
            missingKeys: [],
          },
        },
      },
    });
    held.wire.onSend = ({ method }) => (granted += method === 'POST' ? 1 : 0);
    await until(held, () => runs(held) === 3);
    expect(granted).toBe(1);
    await held.engine.restart('one', {}, byOperator());
    await until(held, () => runs(held) === 4);
    expect(granted).toBe(2);
  });
});
