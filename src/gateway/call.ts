/** The one way from an edge into an operation: whatever happens inside comes out as an answer or a problem. */
import { HeadgateError, messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { fail } from '../kernel/types.js';
import type { Outcome } from './answer.js';
import { callCommand } from './command-call.js';
import { isCommand } from './operation.js';
import type { AnyOperation, Caller, Handler, Reach } from './operation.js';
import { internal } from './problems.js';
import type { Problem, ProblemCode } from './problems.js';

/** Environment failures that callers are told about by name. Every other throw is our bug. */
const THROWN_AS: Readonly<Record<string, ProblemCode>> = {
  journal_unavailable: 'journal_unavailable',
  journal_closed: 'stopping',
  sink_unavailable: 'records_unavailable',
  replay_stopped: 'quarantined',
};

/**
 * `input` was checked against the operation's schema, and the caller's role against the operation's.
 * Never throws, never rejects. Commands are told to the audit trail here, and nowhere else.
 */
export function call(
  operation: AnyOperation,
  input: object,
  reach: Reach,
  caller: Caller,
  log: Logger,
): Outcome | Promise<Outcome> {
  if (!isCommand(operation)) return handled(operation, input, reach, caller, log);
  const attempt = async (command: NonNullable<Caller['command']>): Promise<Outcome> =>
    handled(operation, input, reach, { ...caller, command }, log);
  return callCommand({ operation, input, reach, caller }, attempt).catch((thrown: unknown) =>
    failed(thrown, operation, reach, caller, log),
  );
}

function handled(
  operation: AnyOperation,
  input: object,
  reach: Reach,
  caller: Caller,
  log: Logger,
): Outcome | Promise<Outcome> {
  try {
    // The table forgot the handler's input type; the schema check restored what it says.
    const handler = operation.handler as unknown as Handler<object>;
    const outcome = handler(input, reach, caller);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.catch((thrown: unknown) => failed(thrown, operation, reach, caller, log));
  } catch (thrown) {
    return failed(thrown, operation, reach, caller, log);
  }
}

function failed(
  thrown: unknown,
  { name }: AnyOperation,
  reach: Reach,
  caller: Caller,
  log: Logger,
): Outcome {
  const { correlationId, actor, interface: door, address } = caller;
  const fields = { operation: name, correlationId, actor, interface: door, address };
  return fail(problemOfThrown(thrown, fields, reach, log));
}

/** What a caller may know of something thrown; an unexpected one is logged under a fresh id. */
export function problemOfThrown(
  thrown: unknown,
  fields: object,
  reach: Pick<Reach, 'newCommandId'>,
  log: Logger,
): Problem {
  const code = thrown instanceof HeadgateError ? THROWN_AS[thrown.code] : undefined;
  if (code !== undefined) return { code, detail: messageOf(thrown) };
  const errorId = reach.newCommandId();
  log.error('an operation failed by our own mistake', {
    ...fields,
    errorId,
    error: messageOf(thrown),
    stack: thrown instanceof Error ? thrown.stack : undefined,
  });
  return internal(errorId);
}
