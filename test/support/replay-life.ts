/**
 * A breaker's life for replays: calls of a careless source, some at once, admitted by the real rules,
 * decided and folded for real, with timers that are late and facts that are written a little after the
 * call. What it would not admit is not recorded, as in the service.
 */
import fc from 'fast-check';
import {
  breakerCodec,
  breakerKind,
  computedOf,
  effectiveOf,
} from '../../src/actors/breaker/index.js';
import type { BreakerCommand, BreakerFact, BreakerPolicy } from '../../src/actors/breaker/index.js';
import type { FinishedCall } from '../../src/actors/breaker/index.js';
import type { MachineryCommand } from '../../src/actors/kind.js';
import type { StoredEvent } from '../../src/journal/port.js';
import { seededRandom } from '../../src/kernel/random.js';
import { breaker, configure, NOON, type Given } from './breaker-given.js';

const step = fc.record({
  /** Until the next call begins. */
  afterMs: fc.oneof(fc.nat(500), fc.nat(60_000), fc.nat(2_000_000)),
  durationMs: fc.constantFrom(5.25, 40, 900.125, 5_000.5, 9_999, 30_000),
  /** The source keeps a mood for so many calls. */
  outcome: fc.constantFrom('ok', 'ok', 'ok', 'server', 'server', 'bad_data', 'throttled'),
  times: fc.integer({ min: 1, max: 8 }),
  /** Begun together. */
  together: fc.integer({ min: 1, max: 4 }),
  lagMs: fc.constantFrom(0, 0, 1, 3, 950),
  hand: fc.option(fc.constantFrom('force', 'metrics', 'clear', 'probe', 'reset', 'restart'), {
    nil: undefined,
    freq: 12,
  }),
});
export type LifeStep = typeof step extends fc.Arbitrary<infer T> ? T : never;
export const lives = fc.array(step, { minLength: 1, maxLength: 60 });

export type Life = { readonly events: readonly StoredEvent[]; readonly endsAt: number };

type Flight = { readonly call: FinishedCall; readonly lagMs: number };

/** Everything a breaker recorded of these steps. */
export function liveThrough(
  steps: readonly LifeStep[],
  seed: number,
  policy: Partial<BreakerPolicy> = {},
): Life {
  const random = seededRandom(seed);
  const events: StoredEvent[] = [];
  let given: Given = breaker();
  let at = NOON;
  let probes = { generation: -1, admitted: 0, since: 0 };
  const flights: Flight[] = [];

  const take = (command: BreakerCommand | MachineryCommand, when: number): void => {
    const chance = random.next();
    at = Math.max(at, when);
    if (!given.when(command, { at, chance }).ok) return;
    given = given.then(command, { at, chance });
    for (const fact of given.facts) events.push(stored(fact, events.length));
  };
  const timers = (until: number): void => {
    for (;;) {
      const owed = breakerKind.outstanding(given.state)[0];
      if (owed?.kind === 'timer' && owed.dueAt <= until) {
        take({ type: 'TimerDue', name: owed.name, generation: owed.generation }, owed.dueAt);
        continue;
      }
      const { generation, policy: now } = given.state.context;
      const deadline = probes.since + now.halfOpenDeadlineMs;
      const isLate = probes.generation === generation && probes.admitted > 0 && deadline <= until;
      if (!isLate || computedOf(given.state) !== 'half_open') return;
      take({ type: 'ProbeDeadline', generation }, deadline);
    }
  };
  const land = (until: number): void => {
    flights.sort((a, b) => a.call.at - b.call.at);
    while (flights[0] !== undefined && flights[0].call.at <= until) {
      const flight = flights.shift();
      if (flight === undefined) return;
      timers(flight.call.at);
      const { generation } = given.state.context;
      take({ type: 'ReportCalls', calls: [flight.call] }, flight.call.at);
      // Until the change is durable nothing begins; what is written a little later says so.
      if (given.state.context.generation !== generation) at += flight.lagMs;
    }
    timers(until);
  };
  const admit = (now: number): number | undefined => {
    const { context } = given.state;
    const effective = effectiveOf(given.state);
    if (effective === 'open' || effective === 'forced_open') return undefined;
    if (effective === 'half_open') {
      if (probes.generation !== context.generation) {
        probes = { generation: context.generation, admitted: 0, since: now };
      }
      if (probes.admitted >= context.policy.halfOpenPermits) return undefined;
      probes = { ...probes, admitted: probes.admitted + 1 };
    }
    return context.generation;
  };

  take(configure(policy), at);
  for (const { afterMs, durationMs, outcome, times, together, lagMs, hand } of steps) {
    for (let n = 0; n < times; n += 1) {
      land(at + afterMs);
      at = Math.max(at, at + (n === 0 ? afterMs : Math.min(afterMs, 5_000)));
      land(at);
      for (let m = 0; m < together; m += 1) {
        const generation = admit(at);
        if (generation === undefined) continue;
        const ended = Math.ceil(at + durationMs);
        const call = { at: ended, outcome, durationMs, endpoint: '/x', generation };
        flights.push({ call, lagMs });
      }
    }
    if (hand !== undefined) for (const command of byHand(hand)) take(command, at);
  }
  land(at + 3_600_000);
  return { events, endsAt: Math.max(at, NOON) + 3_600_000 };
}

function byHand(
  hand: NonNullable<LifeStep['hand']>,
): readonly (BreakerCommand | MachineryCommand)[] {
  switch (hand) {
    case 'force':
      return [{ type: 'Force', override: 'forced_open', reason: 'test', ttlMs: 90_000 }];
    case 'metrics':
      return [{ type: 'Force', override: 'metrics_only', reason: 'test' }];
    case 'clear':
      return [{ type: 'SetState', state: 'closed' }];
    case 'probe':
      return [{ type: 'SetState', state: 'half_open' }];
    case 'reset':
      return [{ type: 'Reset', reason: 'test' }];
    case 'restart':
      return [{ type: 'Recover' }];
  }
}

/** As the journal would give it back. Hashes play no part here. */
export function stored(fact: BreakerFact, revision: number): StoredEvent {
  const { type, schema, data } = breakerCodec.encode(fact);
  const recordedAt = new Date(fact.atMs).toISOString();
  const ids = { eventId: `e${String(revision)}`, commandId: 'c', correlationId: 'c' };
  const who = { actor: 'system', interface: 'system', epoch: 1, node: 'n1' };
  const metadata = { ...ids, ...who, recordedAt, schema, prevHash: '', hash: '' };
  const position = revision + 1;
  return { stream: 'breaker-historical', revision, position, type, data, metadata };
}
