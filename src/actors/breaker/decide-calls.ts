/**
 * What finished calls mean to a breaker: counted, and perhaps the one too many, or the one it
 * waited for.
 */
import { facts, refuse, type Circumstances, type Decision, type Of } from '../kind.js';
import type { Refusal } from '../refusal.js';
import { CALLS_PER_FACT_MAX, ENDPOINT_CHARS_MAX, type BreakerCommand } from './commands.js';
import { draft } from './draft.js';
import { isCounted, type BreakerFact, type FinishedCall } from './events.js';
import { callsRecorded, recovered, reopened, tripped } from './facts.js';
import { computedOf, type BreakerState } from './state.js';
import { countCall, tallyOf, verdictOf, type Verdict } from './tally.js';

/**
 * Records the counted calls in order. Where one of them decides, the change follows the calls up to
 * it; the calls after it belong to an older generation by then and change statistics only.
 */
export function reportCalls(
  command: Of<BreakerCommand, 'ReportCalls'>,
  state: BreakerState,
  circumstances: Circumstances,
): Decision<BreakerFact> {
  const refusal = refusalOf(command.calls);
  if (refusal !== undefined) return refuse(refusal);
  const calls = command.calls.filter((call) => isCounted(call.outcome));
  const decided = draft(state);
  let tally = tallyOf(state.context);
  let unrecorded = 0;
  for (const [index, call] of calls.entries()) {
    const { generation, policy } = decided.state().context;
    if (call.generation !== generation) continue;
    const computed = computedOf(decided.state());
    countCall(tally, call, computed, policy);
    const verdict = verdictOf(tally, computed, policy);
    if (verdict === undefined) continue;
    const recorded = callsRecorded(calls.slice(unrecorded, index + 1), circumstances.at, tally);
    decided.add(() => recorded);
    decided.add((now) => changed(now, verdict, call, circumstances));
    tally = tallyOf(decided.state().context);
    unrecorded = index + 1;
  }
  if (unrecorded < calls.length) {
    const rest = callsRecorded(calls.slice(unrecorded), circumstances.at, tally);
    decided.add(() => rest);
  }
  return facts(...decided.facts());
}

function changed(
  now: BreakerState,
  verdict: Verdict,
  call: FinishedCall,
  circumstances: Circumstances,
): BreakerFact {
  if (verdict === 'probes_succeeded') return recovered(now, verdict, circumstances.at, call.at);
  if (verdict === 'probe_failed') return reopened(now, verdict, circumstances, call.at);
  return tripped(now, verdict, circumstances, call.at);
}

function refusalOf(calls: readonly FinishedCall[]): Refusal | undefined {
  if (calls.length > CALLS_PER_FACT_MAX) {
    const detail = `at most ${String(CALLS_PER_FACT_MAX)} calls, got ${String(calls.length)}`;
    return { kind: 'invalid', field: '/calls', detail };
  }
  for (const [index, call] of calls.entries()) {
    const detail = brokenRule(call);
    if (detail !== undefined) return { kind: 'invalid', field: `/calls/${String(index)}`, detail };
  }
  return undefined;
}

function brokenRule({ at, durationMs, endpoint, generation }: FinishedCall): string | undefined {
  if (!Number.isFinite(at) || at < 0) return `at must be a moment, got ${String(at)}`;
  if (!Number.isFinite(durationMs) || durationMs < 0) {
    return `duration must be >= 0 ms, got ${String(durationMs)}`;
  }
  if (endpoint.length > ENDPOINT_CHARS_MAX) {
    return `endpoint must be at most ${String(ENDPOINT_CHARS_MAX)} characters`;
  }
  if (!Number.isSafeInteger(generation) || generation < 0) {
    return `generation must be a whole number, got ${String(generation)}`;
  }
  return undefined;
}
