/**
 * The breaker in memory: who may pass now, and what finished calls mean, without waiting for
 * anything.
 *
 * 1. (P8) In `open` and `forced_open` nothing is admitted; in `half_open` at most the policy's
 *    permits per generation, counted when a call is admitted. An uncounted outcome gives its permit
 *    back.
 * 2. (A2) What restricts closes the gate at once: its own verdict, or the actor's notice before the
 *    append. What permits opens it only when it is durable.
 * 3. The gate counts by the functions the decision counts by (tally.ts), the same calls in the same
 *    order: what it concludes, the actor concludes. What it counted ahead of the journal is counted
 *    again on top of each durable state.
 * 4. A call that passes costs a few branches and a push: no chart, no promise, no allocation of
 *    ours.
 */
import type { Cancel } from '../../kernel/time.js';
import type { LiveBreaker } from '../engine.js';
import { isCounted, type FinishedCall } from './events.js';
import {
  announce,
  armDeadline,
  coreOf,
  count,
  hear,
  HALF_OPEN_FULL,
  isFull,
  record,
  UNAVAILABLE,
  type Admitted,
  type Core,
  type GateParts,
  type NotAdmitted,
} from './gate-core.js';
import { closeOutbox, enqueue, flush, outbox } from './outbox.js';

export interface BreakerGate {
  /** Why nothing could pass now; takes no permit. */
  peek(): NotAdmitted | undefined;
  /** Lets one call pass, or says why not. Whoever is admitted must `report` or `cancel`, once. */
  admit(): Admitted | NotAdmitted;
  /** The call was admitted and never sent: its permit comes back. */
  cancel(generation: number): void;
  /** The call ended. The object is kept until it is recorded: do not change it. */
  report(call: FinishedCall): void;
  /** Resolves when all reported calls are recorded, or cannot be now (told in the log). */
  flush(): Promise<void>;
  live(): LiveBreaker;
  /** Calls whose record was given up. */
  unrecorded(): number;
  /** Called after each change of what is admitted. */
  watch(listener: () => void): Cancel;
  /** Admits nothing more and lets go of timers. Flush first. */
  close(): void;
}

/** The gate of one breaker. It is the only one that reports calls to the actor. */
export function breakerGate(parts: GateParts): BreakerGate {
  const { clock, context, log } = parts;
  const box = outbox({ clock, context, log, ask: (batch, asked) => record(core, batch, asked) });
  const core: Core = coreOf(parts, box);
  const unwatch = parts.handle.watch((notice) => {
    hear(core, notice);
  });
  return {
    peek: () => {
      const answer = peek(core);
      return answer.ok ? undefined : answer;
    },
    admit: () => admit(core),
    cancel(generation) {
      ended(core);
      giveBack(core, generation);
    },
    report(call) {
      report(core, call);
    },
    flush: () => flush(box),
    live: () => ({
      inFlight: core.inFlight,
      halfOpenAdmitted: core.computed === 'half_open' ? core.probes : 0,
    }),
    unrecorded: () => box.lost,
    watch(listener) {
      core.listeners.add(listener);
      return () => {
        core.listeners.delete(listener);
      };
    },
    close() {
      unwatch();
      core.deadline?.();
      core.deadline = undefined;
      core.closed = true;
      closeOutbox(box);
    },
  };
}

function peek(core: Core): Admitted | NotAdmitted {
  if (core.closed || core.parts.handle.quarantined() !== undefined) return UNAVAILABLE;
  if (core.refusal !== undefined) return core.refusal;
  return isFull(core) ? HALF_OPEN_FULL : core.admission;
}

function admit(core: Core): Admitted | NotAdmitted {
  const answer = peek(core);
  if (!answer.ok) return answer;
  core.inFlight += 1;
  if (core.computed === 'half_open') takeProbe(core);
  return answer;
}

/** Invariant 1: the permit is taken here, not when the call ends. */
function takeProbe(core: Core): void {
  core.probes += 1;
  if (core.deadline === undefined) armDeadline(core);
  announce(core);
}

function report(core: Core, call: FinishedCall): void {
  ended(core);
  if (!isCounted(call.outcome)) {
    giveBack(core, call.generation);
    return;
  }
  enqueue(core.box, call);
  count(core, call);
}

function ended(core: Core): void {
  if (core.inFlight > 0) core.inFlight -= 1;
}

function giveBack(core: Core, generation: number): void {
  if (core.computed !== 'half_open' || generation !== core.admission.generation) return;
  if (core.probes > 0) core.probes -= 1;
  announce(core);
}
