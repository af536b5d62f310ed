/**
 * What a breaker's gate knows, and how it follows its actor. The gate's invariants stand in
 * gate.ts.
 */
import type { Logger } from '../../kernel/observe.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { ActorHandle, CommandContext, Notice, SystemContext } from '../handle.js';
import type { Refusal } from '../refusal.js';
import type { BreakerCommand } from './commands.js';
import type { BreakerFact, BreakerPolicy, Computed, FinishedCall } from './events.js';
import { cover, eachUnsettled, hurry, isTransient, RETRY_AFTER_MS } from './outbox.js';
import type { Batch, Outbox } from './outbox.js';
import { computedOf, effectiveOf, type BreakerContext, type BreakerState } from './state.js';
import { countCall, tallyOf, verdictOf, type Tally, type Verdict } from './tally.js';

export type Admitted = { readonly ok: true; readonly generation: number };
export type NotAdmitted = {
  readonly ok: false;
  /** `unavailable`: the actor is quarantined, or the gate was closed for good. */
  readonly reason: 'open' | 'forced_open' | 'half_open_full' | 'unavailable';
  /** When it may be tried again, where that is known. */
  readonly retryAt?: EpochMs;
};

export type BreakerHandle = ActorHandle<BreakerContext, BreakerCommand, BreakerFact>;

export type GateParts = {
  /** Nobody else may report calls to this actor. */
  readonly handle: BreakerHandle;
  readonly clock: Clock;
  readonly context: SystemContext;
  readonly log: Logger;
};

/** The durable state, and what was counted since. */
export type Core = {
  readonly parts: GateParts;
  readonly box: Outbox;
  readonly listeners: Set<() => void>;
  computed: Computed;
  /** Under `metrics_only` and `disabled` all is admitted and measured. */
  lenient: boolean;
  policy: BreakerPolicy;
  tally: Tally;
  /** Concluded from calls that are not durable yet. */
  verdict: Verdict | undefined;
  /** Why nothing passes; half-open's permits aside. */
  refusal: NotAdmitted | undefined;
  /** One object for all who pass in this generation. */
  admission: Admitted;
  inFlight: number;
  /** Permits taken in this half-open generation. */
  probes: number;
  deadline: Cancel | undefined;
  /** What the listeners were told last. */
  told: Admitted | NotAdmitted;
  closed: boolean;
};

export const UNAVAILABLE: NotAdmitted = { ok: false, reason: 'unavailable' };
export const HALF_OPEN_FULL: NotAdmitted = { ok: false, reason: 'half_open_full' };
/** Tripped just now: the actor has yet to say for how long. */
const OPEN: NotAdmitted = { ok: false, reason: 'open' };

export function coreOf(parts: GateParts, box: Outbox): Core {
  const { context } = parts.handle.state();
  const admission: Admitted = { ok: true, generation: context.generation };
  const core: Core = {
    parts,
    box,
    listeners: new Set(),
    computed: 'closed',
    lenient: false,
    policy: context.policy,
    tally: tallyOf(context),
    verdict: undefined,
    refusal: undefined,
    admission,
    inFlight: 0,
    probes: 0,
    deadline: undefined,
    told: admission,
    closed: false,
  };
  follow(core, parts.handle.state());
  return core;
}

/** What a caller would be answered now, quarantine aside. */
export function answerOf(core: Core): Admitted | NotAdmitted {
  if (core.refusal !== undefined) return core.refusal;
  return isFull(core) ? HALF_OPEN_FULL : core.admission;
}

export function isFull(core: Core): boolean {
  const { computed, lenient, probes, policy } = core;
  return computed === 'half_open' && !lenient && probes >= policy.halfOpenPermits;
}

/** Takes over what the actor says. */
export function hear(core: Core, notice: Notice<BreakerFact, BreakerContext>): void {
  if (notice.phase === 'restricting') {
    // Invariant 2: this can only close the gate.
    core.refusal = refusalOf(notice.state) ?? core.refusal;
    announce(core);
    return;
  }
  if (notice.phase === 'durable') {
    let calls = 0;
    for (const fact of notice.facts) if (fact.type === 'CallsRecorded') calls += fact.calls.length;
    if (calls > 0) cover(core.box, calls);
  }
  follow(core, notice.state);
}

/** Asks the actor to record a batch; undefined when it is durable. */
export async function record(
  core: Core,
  batch: Batch,
  context: CommandContext,
): Promise<Refusal | undefined> {
  const { handle } = core.parts;
  const answer = await handle.ask({ type: 'ReportCalls', calls: batch.calls }, context);
  if (!answer.ok) return answer.refusal;
  if (batch.covered < batch.calls.length) {
    // No notice came: it had been appended by an attempt whose outcome was unknown.
    batch.covered = batch.calls.length;
    follow(core, answer.state);
  }
  return undefined;
}

/** Invariant 3: the durable state, and on top of it the calls it does not show yet. */
function follow(core: Core, state: BreakerState): void {
  if (core.closed) return;
  const { context } = state;
  const computed = computedOf(state);
  if (context.generation !== core.admission.generation) {
    core.admission = { ok: true, generation: context.generation };
    core.probes = 0;
    core.deadline?.();
    core.deadline = undefined;
  }
  core.computed = computed;
  const overriddenBy = context.override?.state;
  core.lenient = overriddenBy === 'metrics_only' || overriddenBy === 'disabled';
  core.policy = context.policy;
  core.tally = tallyOf(context);
  core.verdict = undefined;
  core.refusal = refusalOf(state);
  eachUnsettled(core.box, (call) => {
    count(core, call);
  });
  announce(core);
}

/** Counts one call; the first verdict of a generation ends its counting. */
export function count(core: Core, call: FinishedCall): void {
  if (core.verdict !== undefined || call.generation !== core.admission.generation) return;
  countCall(core.tally, call, core.computed, core.policy);
  const verdict = verdictOf(core.tally, core.computed, core.policy);
  if (verdict !== undefined) conclude(core, verdict);
}

/**
 * Invariant 2: a failure too many closes the gate here and now; to open it takes the actor's word.
 */
function conclude(core: Core, verdict: Verdict): void {
  core.verdict = verdict;
  if (verdict !== 'probes_succeeded' && !core.lenient) core.refusal ??= OPEN;
  announce(core);
  hurry(core.box);
}

function refusalOf(state: BreakerState): NotAdmitted | undefined {
  const effective = effectiveOf(state);
  const { retry, override } = state.context;
  if (effective === 'forced_open') {
    const until = override?.expiresAt ?? null;
    return until === null
      ? { ok: false, reason: effective }
      : { ok: false, reason: effective, retryAt: until };
  }
  if (effective !== 'open') return undefined;
  return retry === null ? OPEN : { ok: false, reason: effective, retryAt: retry.at };
}

export function announce(core: Core): void {
  const now = answerOf(core);
  if (sameAnswer(now, core.told)) return;
  core.told = now;
  for (const listener of core.listeners) listener();
}

function sameAnswer(a: Admitted | NotAdmitted, b: Admitted | NotAdmitted): boolean {
  if (a.ok) return b.ok && a.generation === b.generation;
  return !b.ok && a.reason === b.reason && a.retryAt === b.retryAt;
}

/** Half-open never lasts for ever: from its first admission on it has so long. */
export function armDeadline(core: Core): void {
  const { clock, context } = core.parts;
  const { generation } = core.admission;
  core.deadline = clock.after(core.policy.halfOpenDeadlineMs, () => {
    void expire(core, generation, context('half-open deadline'));
  });
}

/** What was reported before goes first. Refused for now, it is asked again under the same id. */
async function expire(core: Core, generation: number, context: CommandContext): Promise<void> {
  const { handle, clock } = core.parts;
  if (isOver(core, generation)) return;
  hurry(core.box);
  const answer = await handle.ask({ type: 'ProbeDeadline', generation }, context);
  if (answer.ok || isOver(core, generation) || !isTransient(answer.refusal)) return;
  core.deadline = clock.after(RETRY_AFTER_MS, () => {
    void expire(core, generation, context);
  });
}

function isOver(core: Core, generation: number): boolean {
  return core.closed || core.admission.generation !== generation;
}
