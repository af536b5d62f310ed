/** A gate over an in-memory actor and a virtual clock, and callers that come by. */
import {
  limiterGate,
  type Acquired,
  type AcquireRequest,
  type Configure,
  type LimiterFact,
  type LimiterGate,
  type LimiterGateOptions,
  type Permit,
  type PermitReport,
} from '../../src/actors/limiter/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import { settle, virtualClock, type VirtualClock } from './clock.js';
import { configure, MINUTE, NOON } from './limiter-given.js';
import { fakeLimiter, systemContext, type FakeLimiter } from './limiter-handle.js';

export type Bench = {
  readonly clock: VirtualClock;
  readonly actor: FakeLimiter;
  readonly gate: LimiterGate;
};

export async function bench(more: Partial<Configure> = {}): Promise<Bench> {
  const clock = virtualClock(NOON);
  const actor = fakeLimiter(clock);
  await actor.send(configure(more));
  return { clock, actor, gate: gateOver(clock, actor) };
}

/** Past the exhausted start. */
export async function warm(more: Partial<Configure> = {}): Promise<Bench> {
  const made = await bench(more);
  await made.clock.advance(MINUTE);
  return made;
}

export function gateOver(
  clock: VirtualClock,
  actor: FakeLimiter,
  limits: Partial<LimiterGateOptions['limits']> = {},
): LimiterGate {
  return limiterGate({
    scope: 'sandbox',
    handle: actor,
    clock,
    random: seededRandom(7 + actor.facts.length),
    context: systemContext,
    log: silentLogger,
    limits: { queueMax: 100, waitMaxMs: 10 * MINUTE, ...limits },
  });
}

/** A new process: a new actor over the same journal, recovered, and a new gate. */
export async function restart({ clock, actor, gate }: Bench): Promise<Bench> {
  actor.kill();
  gate.close();
  const next = fakeLimiter(clock, actor.facts);
  await next.send({ type: 'Recover' });
  return { clock, actor: next, gate: gateOver(clock, next) };
}

export function request(more: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    collector: 'moralis',
    run: 'run-1',
    endpoint: 'transfers',
    weights: {},
    priority: 'live',
    waitMaxMs: MINUTE,
    signal: new AbortController().signal,
    ...more,
  };
}

export function answer(more: Partial<PermitReport> = {}): PermitReport {
  return {
    outcome: 'ok',
    status: 200,
    observations: [],
    charged: true,
    malformedHeaders: 0,
    at: NOON,
    ...more,
  };
}

/** The permit, or the test fails with what was said instead. */
export function permitOf(acquired: Acquired | undefined): Permit {
  if (acquired?.ok === true) return acquired.permit;
  throw new Error(`no permit: ${JSON.stringify(acquired)}`);
}

/** Asks, and says what came of it so far. */
export function asking(
  gate: LimiterGate,
  more: Partial<AcquireRequest> = {},
): { readonly result: () => Acquired | undefined } {
  let result: Acquired | undefined;
  void gate.acquire(request(more)).then((acquired) => {
    result = acquired;
  });
  return { result: () => result };
}

/** Asks and lets promises run out, without any time passing. */
export async function ask(
  gate: LimiterGate,
  more: Partial<AcquireRequest> = {},
): Promise<Acquired | undefined> {
  const { result } = asking(gate, more);
  await settle();
  return result();
}

/** A whole call: permit, spend, answer. */
export async function call(
  { gate, clock }: Bench,
  more: Partial<AcquireRequest> = {},
  report: Partial<PermitReport> = {},
): Promise<void> {
  const permit = permitOf(await ask(gate, more));
  if (!permit.spend()) throw new Error('not spent');
  permit.report(answer({ at: clock.now(), ...report }));
  await settle();
}

export function reservedCalls(facts: readonly LimiterFact[]): number {
  return facts.reduce((sum, fact) => sum + (fact.type === 'UnitsReserved' ? fact.calls : 0), 0);
}
