/** Faults and commands at random, from a seed: whatever happened, the books agree and all is well again. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { verifyJournalFile } from '../../src/journal/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { expectBalanced, expectReserved } from '../support/app-accounts.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const FAULTS: readonly Fault[] = [
  { kind: 'latency', ms: 60, jitterMs: 60 },
  { kind: 'status', status: 500, rate: 0.5 },
  { kind: 'status', status: 429, retryAfter: 'seconds', retryAfterSeconds: 1, count: 1 },
  { kind: 'status', status: 429, retryAfter: 'none', count: 1 },
  { kind: 'reset', at: 'before_headers', rate: 0.5 },
  { kind: 'reset', at: 'mid_body', rate: 0.5 },
  { kind: 'invalid_json', form: 'cut', rate: 0.5 },
  { kind: 'invalid_json', form: 'html', rate: 0.3 },
  { kind: 'truncated', rate: 0.3 },
  { kind: 'timeout', count: 1 },
  { kind: 'schema_drift', drift: 'retype', rate: 0.3 },
];

const breaker = (name: string) => `/collectors/${name}/circuit-breaker`;

/** Commands an operator may give at any moment; each may be refused, none may fail. */
const COMMANDS: readonly ((app: TestApp, name: string) => Promise<{ readonly status: number }>)[] =
  [
    (app, name) => app.post(`/collectors/${name}/disable`),
    (app, name) => app.post(`/collectors/${name}/enable`),
    (app, name) => app.post(`/collectors/${name}/enable`, { ttl_seconds: 0.3 }),
    (app, name) => app.post(`/collectors/${name}/restart`),
    (app, name) => app.post(`/collectors/${name}/collect`),
    (app, name) => app.put(`/collectors/${name}/rate-limit`, { max_requests_per_second: 20 }),
    (app, name) => app.put(`/collectors/${name}/rate-limit`, { max_requests_per_second: 80 }),
    (app, name) => app.post(`${breaker(name)}/reset`),
    (app, name) => app.put(`${breaker(name)}/state`, { state: 'open', ttl_seconds: 0.2 }),
    (app, name) => app.put(`${breaker(name)}/state`, { state: 'half-open' }),
    (app, name) => app.put(`${breaker(name)}/state`, { state: 'closed' }),
    (app, name) => app.put(`${breaker(name)}/state`, { state: 'metrics_only' }),
  ];

const NAMES = ['historical', 'moralis'] as const;
const PROVIDERS = ['binance', 'moralis'] as const;
const STEPS = 60;

type Span = { readonly from: number; readonly to: number };

/** P8: when a collector's breaker let nothing pass, by its facts. */
function closedSpans(events: readonly StoredEvent[], name: string): readonly Span[] {
  const spans: Span[] = [];
  let isOpen = false;
  let override: unknown;
  let closedAt: number | undefined;
  for (const { stream, type, data } of events) {
    if (stream !== `breaker-${name}`) continue;
    if (type === 'BreakerTripped' || type === 'BreakerReopened') isOpen = true;
    if (['BreakerProbing', 'BreakerRecovered', 'BreakerReset'].includes(type)) isOpen = false;
    if (type === 'BreakerForced') override = data['override'];
    if (type === 'BreakerReset' || type === 'BreakerOverrideCleared') override = undefined;
    const isClosed = override === undefined ? isOpen : override === 'forced_open';
    const at = Number(data['atMs']);
    if (isClosed) closedAt ??= at;
    else if (closedAt !== undefined) {
      spans.push({ from: closedAt, to: at });
      closedAt = undefined;
    }
  }
  return spans;
}

/** What had left when the breaker closed is heard this much later at the most. */
const ON_ITS_WAY_MS = 50;

describe('random faults and commands', () => {
  it.each([11, 12])('seed %i: recovers, balances, and leaves a sound journal', async (seed) => {
    const random = seededRandom(seed);
    const clock = systemClock();
    const pick = <T>(list: readonly T[]): T => {
      const chosen = list[Math.floor(random.next() * list.length)];
      if (chosen === undefined) throw new Error('nothing to pick from');
      return chosen;
    };
    const app = await startTestApp({
      config: {
        http: { request_timeout_ms: 300 },
        breaker: { open_ms: 200, half_open_deadline_ms: 1000 },
      },
    });
    const statuses = new Map<number, number>();
    // Whatever chance brings, one of them is held open at least once.
    await app.put(`${breaker('historical')}/state`, { state: 'open', ttl_seconds: 0.2 });
    for (let step = 0; step < STEPS; step += 1) {
      const name = pick(NAMES);
      const provider = name === 'historical' ? 'binance' : 'moralis';
      if (random.next() < 0.5) {
        const faults = random.next() < 0.3 ? [] : [pick(FAULTS), pick(FAULTS)];
        app.sandbox().control.setFaults(provider, faults);
      } else {
        const { status } = await pick(COMMANDS)(app, name);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      await wait(clock, 100 * random.next());
      if (step % 10 === 0) await expectReserved(app);
    }
    // Refused is 409; nothing else may be, and nothing is our own failure.
    expect([...statuses.keys()].filter((status) => status !== 200 && status !== 409)).toEqual([]);
    app.sandbox().control.clearFaults();
    for (const name of NAMES) {
      await app.post(`/collectors/${name}/enable`);
      await app.post(`${breaker(name)}/reset`);
    }
    const settledAt = await app.head();
    for (const name of NAMES) {
      await app.event(
        `${name} is well again`,
        ({ stream, type }) => stream === `collector-${name}` && type === 'RunSucceeded',
        settledAt,
      );
    }
    const events = await app.events();
    const spans = NAMES.map((name) => closedSpans(events, name));
    expect(spans.flat().length, 'a breaker was open').toBeGreaterThan(0);
    for (const [index, provider] of PROVIDERS.entries()) {
      const heard = app.sandbox().control.requests({ provider });
      const forbidden = heard.filter(({ at }) =>
        spans[index]?.some(({ from, to }) => at > from + ON_ITS_WAY_MS && at < to),
      );
      expect(forbidden).toEqual([]);
    }
    const bad = app.log.lines.filter(({ level }) => level === 'error');
    expect(bad).toEqual([]);
    await expectBalanced(app);
    const report = await verifyJournalFile(join(app.directory, 'data', 'journal.db'));
    expect(report.first).toBeUndefined();
  });
});
