/**
 * The way of every command: keyed or not, awaited no longer than its caller waits, and told to the audit
 * trail. What the handler began goes on when its caller has left.
 */
import { JournalUnavailable } from '../journal/port.js';
import { fail } from '../kernel/types.js';
import type { Outcome } from './answer.js';
import type { Refused } from './audit/audit.js';
import type { AnyOperation, Caller, CommandIdentity, Reach } from './operation.js';
import { outcomeUnknown } from './problems.js';
import type { Problem } from './problems.js';
import { inTime } from './patience.js';

/** Carries the command out under this identity; never rejects. */
export type Attempt = (as: CommandIdentity) => Promise<Outcome>;

export type CommandCall = {
  readonly operation: AnyOperation;
  readonly input: object;
  readonly reach: Reach;
  readonly caller: Caller;
};

export async function callCommand(asked: CommandCall, attempt: Attempt): Promise<Outcome> {
  const { operation, input, reach, caller } = asked;
  const { clock, limits, trail } = reach;
  const waitMaxMs = Math.min(limits.commandWaitMs, caller.waitMaxMs ?? limits.commandWaitMs);
  let id: string | undefined;
  const begun: Attempt = (as) => {
    ({ id } = as);
    return attempt(as);
  };
  const going = isKeyed(asked) ? keyed(asked, begun) : unkeyed(asked, begun);
  const patience = { waitMaxMs, signal: caller.signal };
  const told = (await inTime(going, clock, patience)) ?? fail(unknownAfter(waitMaxMs, id));
  if (!told.ok) trail.refused(operation, whoOf(input, caller), told.error);
  return told;
}

function unknownAfter(waitedMs: number, id: string | undefined): Problem {
  const what = id === undefined ? 'it' : `command ${id}`;
  const waited = String(Math.round(waitedMs));
  return outcomeUnknown(`no answer after ${waited} ms; ${what} may still take effect`);
}

/**
 * A dry run is never remembered: there is nothing to repeat. Nor is what the trail does not have call by
 * call: such an operation knows itself what a repeat means.
 */
function isKeyed({ operation, caller: { guards } }: CommandCall): boolean {
  return guards?.key !== undefined && guards.dryRun !== true && isToldByUs(operation);
}

function keyed({ operation, input, reach, caller }: CommandCall, attempt: Attempt) {
  const ask = {
    key: caller.guards?.key ?? '',
    operation: operation.name,
    input,
    ifMatch: caller.guards?.ifMatch,
    target: targetOf(input),
    who: { ...whoOf(input, caller), actor: caller.actor },
  };
  return reach.keyed.run(ask, attempt);
}

async function unkeyed(
  { operation, input, reach, caller }: CommandCall,
  attempt: Attempt,
): Promise<Outcome> {
  const as = { id: reach.newCommandId(), operation: operation.name };
  const outcome = await attempt(as);
  if (!outcome.ok || caller.guards?.dryRun === true || !isToldByUs(operation)) return outcome;
  const { changed } = outcome.value;
  // Its facts carry who, why and from where: they are the trail.
  if (changed === true) return outcome;
  const told = {
    commandId: as.id,
    operation: as.operation,
    outcome: changed === false ? 'no_op' : 'success',
    target: targetOf(input),
    who: whoOf(input, caller),
  } as const;
  return answeredOr(outcome, changed === false, () => reach.trail.answered(told));
}

/** Nobody is told that a command went through before the trail has it. */
async function answeredOr(
  outcome: Outcome,
  isHarmless: boolean,
  tell: () => Promise<unknown>,
): Promise<Outcome> {
  try {
    await tell();
    return outcome;
  } catch (thrown) {
    if (isHarmless && thrown instanceof JournalUnavailable) {
      return fail({ code: 'journal_unavailable', detail: 'nothing was changed' });
    }
    return fail(outcomeUnknown('it could not be written into the audit trail'));
  }
}

function isToldByUs({ writes }: AnyOperation): boolean {
  return 'facts' in writes && writes.audit === 'every-call';
}

function whoOf(input: object, caller: Caller): Refused {
  const { actor, address, correlationId } = caller;
  const reason = textOf(input, 'reason');
  const target = targetOf(input);
  return {
    actor,
    address,
    correlationId,
    interface: caller.interface,
    ...(reason === '' ? {} : { reason }),
    ...(target === '' ? {} : { target }),
  };
}

function targetOf(input: object): string {
  return textOf(input, 'name');
}

function textOf(input: object, member: string): string {
  const value = (input as Readonly<Record<string, unknown>>)[member];
  return typeof value === 'string' ? value : '';
}
