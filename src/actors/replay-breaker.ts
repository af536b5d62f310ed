/**
 * The simulated breaker: decides and folds by the functions of the real one, on recorded time.
 *
 * B1 Every admission has a mark: the stretch between two of its changes in which it happened. A call is
 *    counted if its mark is the current one, as the real breaker counts calls of its own generation.
 * B2 When the real breaker begins a generation, its calls are of the current mark or later; when it ends
 *    one, no call of it is later. Between those bounds the moment at which a call began decides.
 * B3 In step (S5 of replay-simulate.ts) the real breaker's timers are the simulated one's.
 */
import { assert } from '../kernel/errors.js';
import type { EpochMs } from '../kernel/types.js';
import { breakerFolder } from './breaker/draft.js';
import { decideBreaker } from './breaker/decide.js';
import { isFailure, type BreakerFact, type BreakerPolicy } from './breaker/events.js';
import type { FinishedCall } from './breaker/events.js';
import { computedOf, effectiveOf, type BreakerState } from './breaker/state.js';
import type { BreakerCommand } from './breaker/commands.js';
import type { Circumstances, MachineryCommand } from './kind.js';
import { breakerTurn } from './replay.js';
import type { BreakerTurn } from './replay.js';

/** No jitter. */
export const EVEN = 0.5;
/** Of no admission that is known here. */
const UNKNOWN_GENERATION = 0xffff_ffff;
const SIMULATION = 'simulation';

/** B1: one stretch of the simulated breaker. */
type Mark = {
  readonly generation: number;
  readonly at: EpochMs;
  readonly effective: ReturnType<typeof effectiveOf>;
  /** Recorded calls admitted in it, while half-open. */
  probes: number;
  /** Half-open ends then. */
  deadlineAt: EpochMs | undefined;
};

export type Heard = {
  readonly changed: (change: BreakerTurn, after: BreakerState) => void;
  readonly called: (isBarred: boolean, failed: boolean) => void;
};

export type Sim = {
  readonly policy: BreakerPolicy;
  readonly heard: Heard;
  state: BreakerState;
  now: EpochMs;
  readonly marks: Mark[];
  /** B2, by the real breaker's generations. */
  readonly earliest: Map<number, number>;
  readonly latest: Map<number, number>;
  /** The mark that the last recorded call ended, if it ended one. */
  endedByLastCall: number | undefined;
  /** B3: it opened at the same call, for as long. */
  opensInStep: boolean;
};

/** `state`: of the real breaker, when the simulation begins. The policy is in force from then on. */
export function simOf(state: BreakerState, policy: BreakerPolicy, at: EpochMs, heard: Heard): Sim {
  const sim: Sim = {
    policy,
    heard,
    state: withPolicy(state, policy, at),
    now: at,
    marks: [],
    earliest: new Map([[state.context.generation, 0]]),
    latest: new Map(),
    endedByLastCall: undefined,
    // What is open at the beginning was opened by the real one.
    opensInStep: true,
  };
  pushMark(sim, at);
  return sim;
}

/** S1. Not by a command: that would ask again whether the policy may be used at all. */
function withPolicy(state: BreakerState, policy: BreakerPolicy, at: EpochMs): BreakerState {
  const { collector, upstream, configRevision } = state.context;
  return folded(state, {
    type: 'BreakerConfigured',
    atMs: at,
    policy: { ...policy },
    configRevision: Math.max(1, configRevision),
    collector,
    upstream,
    operator: undefined,
    configured: undefined,
  });
}

function folded(state: BreakerState, fact: BreakerFact): BreakerState {
  const next = breakerFolder.apply(state, fact);
  assert(next !== undefined, `${fact.type} has no arrow in ${JSON.stringify(state.value)}`);
  return next;
}

function pushMark(sim: Sim, at: EpochMs): void {
  const { generation } = sim.state.context;
  const effective = effectiveOf(sim.state);
  sim.marks.push({ generation, at, effective, probes: 0, deadlineAt: undefined });
}

export function current(sim: Sim): { readonly index: number; readonly mark: Mark } {
  const index = sim.marks.length - 1;
  const mark = sim.marks[index];
  assert(mark !== undefined, 'a simulated breaker has a mark from its beginning on');
  return { index, mark };
}

/** Folds what happened to it, and tells it. */
export function happened(sim: Sim, fact: BreakerFact): void {
  const before = sim.state;
  sim.state = folded(before, fact);
  if (sim.state.context.generation === before.context.generation) return;
  pushMark(sim, fact.atMs);
  const change = breakerTurn(fact, before, sim.state, SIMULATION);
  if (change !== undefined) sim.heard.changed(change, sim.state);
}

export function decided(sim: Sim, command: BreakerCommand | MachineryCommand, chance = EVEN): void {
  const decision = decideBreaker(command, sim.state, circumstancesAt(sim.now, chance));
  if (decision.ok) for (const fact of decision.facts) happened(sim, fact);
}

export function circumstancesAt(at: EpochMs, chance = EVEN): Circumstances {
  return { at, chance, actor: SIMULATION };
}

/** S2. */
export function recordedCall(
  sim: Sim,
  call: FinishedCall,
  real: BreakerState,
  chance: number,
): void {
  const begunAt = call.at - call.durationMs;
  passTime(sim, begunAt, real);
  const index = markOf(sim, call.generation, begunAt);
  const mark = index === undefined ? undefined : sim.marks[index];
  const failed = isFailure(call.outcome);
  const isBarred = mark !== undefined && !admits(sim, mark, begunAt);
  sim.heard.called(isBarred, failed);
  passTime(sim, call.at, real);
  sim.endedByLastCall = undefined;
  if (isBarred) return;
  const endsAt = current(sim).index;
  const generation = mark?.generation ?? UNKNOWN_GENERATION;
  decided(sim, { type: 'ReportCalls', calls: [{ ...call, generation }] }, chance);
  if (current(sim).index === endsAt) return;
  sim.endedByLastCall = endsAt;
  sim.opensInStep = false;
}

/** B2: in which stretch a call began; undefined: before the simulation. */
function markOf(sim: Sim, generation: number, begunAt: EpochMs): number | undefined {
  const earliest = sim.earliest.get(generation);
  if (earliest === undefined) return undefined;
  let index = sim.latest.get(generation) ?? current(sim).index;
  while (index > earliest && (sim.marks[index]?.at ?? 0) > begunAt) index -= 1;
  return Math.max(index, earliest);
}

function admits(sim: Sim, mark: Mark, begunAt: EpochMs): boolean {
  if (mark.effective === 'open' || mark.effective === 'forced_open') return false;
  if (mark.effective !== 'half_open') return true;
  if (mark.probes >= sim.policy.halfOpenPermits) return false;
  mark.probes += 1;
  mark.deadlineAt ??= Math.max(mark.at, begunAt) + sim.policy.halfOpenDeadlineMs;
  return true;
}

/** The simulated breaker's own timers, up to a moment. `real`: the other one, as it is then. */
export function passTime(sim: Sim, to: EpochMs, real: BreakerState): void {
  for (let due = nextDue(sim, real); due !== undefined && due.at <= to; due = nextDue(sim, real)) {
    sim.now = Math.max(sim.now, due.at);
    const { index } = current(sim);
    decided(sim, due.command);
    assert(current(sim).index > index, 'a timer that came due changes the breaker');
    sim.opensInStep = false;
  }
  sim.now = Math.max(sim.now, to);
}

type Due = { readonly at: EpochMs; readonly command: BreakerCommand | MachineryCommand };

function nextDue(sim: Sim, real: BreakerState): Due | undefined {
  const { retry, generation } = sim.state.context;
  if (retry !== null) {
    if (sim.opensInStep && computedOf(real) === 'open') return undefined;
    const { at } = retry;
    return { at, command: { type: 'TimerDue', name: 'retry', generation: retry.generation } };
  }
  const { deadlineAt } = current(sim).mark;
  if (computedOf(sim.state) !== 'half_open' || deadlineAt === undefined) return undefined;
  if (hasSameDeadline(sim, real)) return undefined;
  return { at: deadlineAt, command: { type: 'ProbeDeadline', generation } };
}

/** B3: both half-open since the same moment, for as long at most. */
export function hasSameDeadline(sim: Sim, real: BreakerState): boolean {
  const { policy, generation } = real.context;
  const isSame = policy.halfOpenDeadlineMs === sim.policy.halfOpenDeadlineMs;
  const began = sim.earliest.get(generation);
  return isSame && computedOf(real) === 'half_open' && began === current(sim).index;
}
