/** What must hold while the upstream misbehaves, and when the service stops in the middle. */
import type { Keys } from '../sources/port.js';
import { FAULTS } from './faults.js';
import type { Fault } from './port.js';
import type { Tell } from './finding.js';
import { recordsOf, type Told } from './good-days.js';
import { runRules } from './rules.js';
import { runSource, type Bench, type Run } from './run.js';

/** A fault begins with the first request, and with the second: the first page is read by then. */
const BEGINNINGS = ['first', 'second'] as const;

/** Every fault. `requests`: how many a good run makes. */
export async function faultRules(
  bench: Bench,
  requests: number,
  keys: Keys,
  told: Told,
): Promise<void> {
  for (const fault of FAULTS) {
    for (const [from, word] of BEGINNINGS.entries()) {
      if (from > 0 && (requests < 2 || fault.isSlow === true)) continue;
      const tell = told(`${fault.name} from the ${word} request on`);
      const run = await runSource(bench, { fault, from });
      runRules(run, keys, tell);
      classRules(run, fault, from, tell);
      if (from === 0) nothingRules(run, fault, tell);
    }
  }
}

function classRules({ asked }: Run, fault: Fault, from: number, tell: Tell): void {
  const { outcomes, isRetyped, hasRetryAfter } = fault;
  for (const { endpoint, outcome, verdict } of asked) {
    // Which of the later requests were hit is told by what became of them.
    const isGood = outcome === 'ok' && (from > 0 || isRetyped === true);
    if (isGood || outcome === 'cancelled') continue;
    if (!outcomes.some((allowed) => allowed === outcome))
      tell('class', `${endpoint} is ${outcome}, must be ${outcomes.join(' or ')}`);
    else if (hasRetryAfter === true && outcome === 'throttled' && verdict.retryAt === undefined)
      tell('class', `${endpoint}: Retry-After is not read`);
  }
}

/** Nothing good was answered, so nothing can have been collected. */
function nothingRules(run: Run, { isRetyped }: Fault, tell: Tell): void {
  const records = recordsOf(run).length;
  if (records === 0) return;
  const of = isRetyped === true ? 'values of other types' : 'answers that were all bad';
  tell('records', `${String(records)} records came of ${of}`);
}

/** The service stops while a request is under way. A fallback to each further upstream is forgiven. */
export async function signalRules(
  bench: Bench,
  requests: number,
  keys: Keys,
  told: Told,
): Promise<void> {
  const forgiven = Object.keys(bench.source.upstreams).length - 1;
  for (const [abortAt, word] of BEGINNINGS.entries()) {
    if (abortAt >= requests) continue;
    const tell = told(`an abort at the ${word} request`);
    const run = await runSource(bench, { abortAt });
    runRules(run, keys, tell);
    if (run.afterAbort > forgiven)
      tell('signal', `${String(run.afterAbort)} more requests after the abort`);
  }
}
