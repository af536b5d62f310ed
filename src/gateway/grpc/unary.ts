/** One operation as a unary method: decode, check, call, encode. */
import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import type { Logger } from '../../kernel/observe.js';
import type { Clock } from '../../kernel/time.js';
import { withoutTokens } from '../../kernel/token-shapes.js';
import type { JsonObject, Result } from '../../kernel/types.js';
import type { Answer, Outcome } from '../answer.js';
import type { Trail } from '../audit/audit.js';
import { call as callOperation, problemOfThrown } from '../call.js';
import { LOCAL } from '../auth/principal.js';
import { NAME_CHARS_MAX } from '../inputs.js';
import type { AnyOperation, Caller, CommandGuards, Reach } from '../operation.js';
import type { Problem } from '../problems.js';
import { factsOf } from './call-facts.js';
import type { CallFacts } from './call-facts.js';
import { statusOf } from './errors.js';
import { refused } from './gate.js';
import type { UnaryMessages } from './messages/port.js';
import { inputReader } from './requests.js';
import type { MethodDefinition } from './requests.js';

/** What methods share. */
export type Edge = {
  readonly reach: Reach;
  readonly trail: Pick<Trail, 'refused'>;
  readonly log: Logger;
  readonly clock: Clock;
  /** The clock that deadlines are of. */
  readonly machineClock: Clock;
  readonly deadlineMs: number;
};

type Read = Result<object, Problem>;

/** Encoded answers: those that many get are encoded once, an entry goes with its answer. */
export function answerEncoder(
  { response }: UnaryMessages,
  { responseSerialize }: MethodDefinition,
): (answer: Answer) => Buffer {
  const encoded = new WeakMap<Answer, Buffer>();
  const encode = ({ text }: Answer): Buffer =>
    responseSerialize(response(JSON.parse(text) as JsonObject));
  return (answer) => {
    if (!answer.shared) return encode(answer);
    const kept = encoded.get(answer) ?? encode(answer);
    encoded.set(answer, kept);
    return kept;
  };
}

export function unaryHandler(
  operation: AnyOperation,
  messages: UnaryMessages,
  definition: MethodDefinition,
  edge: Edge,
): handleUnaryCall<Read, Buffer> {
  const read = inputReader(operation, messages.asked);
  const encode = answerEncoder(messages, definition);
  const { reach, log, clock } = edge;

  return (call, callback) => {
    const facts = knownFacts(call);
    const refuse = (problem: Problem): void => {
      callback(statusOf(problem, clock.now(), facts.requestId));
    };
    /** What is thrown here is our mistake: the library would tell it in its own words. */
    const guarded = (task: () => void): void => {
      try {
        task();
      } catch (thrown) {
        const fields = { operation: operation.name, requestId: facts.requestId };
        refuse(problemOfThrown(thrown, fields, reach, log));
      }
    };
    const answer = (outcome: Outcome): void => {
      guarded(() => {
        if (outcome.ok) callback(null, encode(outcome.value));
        else refuse(outcome.error);
      });
    };
    guarded(() => {
      const checked = call.request.ok ? read(call.request.value) : call.request;
      if (!checked.ok) {
        const target = call.request.ok ? targetOf(operation, call.request.value) : undefined;
        const { principal } = facts;
        const known = target === undefined ? { principal } : { principal, target };
        refused(edge.trail, operation, facts, checked.error, known);
        refuse(checked.error);
        return;
      }
      const { input, guards } = checked.value;
      const gone = new AbortController();
      const caller = callerOf(facts, guards, gone.signal, edge);
      const outcome = callOperation(operation, input, reach, caller, log);
      if (outcome instanceof Promise) awaited(outcome, call, gone, answer, edge);
      else answer(outcome);
    });
  };
}

/** Answers when the outcome is there, unless the caller left or the deadline came first. */
function awaited(
  outcome: Promise<Outcome>,
  call: ServerUnaryCall<Read, Buffer>,
  gone: AbortController,
  answer: (outcome: Outcome) => void,
  { clock, deadlineMs }: Edge,
): void {
  let isOver = false;
  const over = (): boolean => {
    if (isOver) return false;
    isOver = true;
    cancel();
    return true;
  };
  const cancel =
    call.getDeadline() === Infinity
      ? clock.after(deadlineMs, () => {
          if (!over()) return;
          gone.abort();
          answer({ ok: false, error: tooLate(deadlineMs) });
        })
      : () => undefined;
  // The library told the caller already, if there is one.
  call.on('cancelled', () => {
    if (over()) gone.abort();
  });
  void outcome.then((told) => {
    if (over()) answer(told);
  });
}

/** The collector a request names, where REST has it in the path; in so many words as a name may have. */
function targetOf({ rest }: AnyOperation, request: object): string | undefined {
  const { name } = request as { readonly name?: unknown };
  if (typeof name !== 'string' || name === '' || !rest.path.includes('{name}')) return undefined;
  return withoutTokens(name).slice(0, NAME_CHARS_MAX);
}

function tooLate(deadlineMs: number): Problem {
  const detail = `no answer after ${String(deadlineMs)} ms, the deadline of calls that bring none`;
  return { code: 'outcome_unknown', detail };
}

/** The interceptor kept them before anything came here. */
export function knownFacts({
  metadata,
}: Pick<ServerUnaryCall<Read, Buffer>, 'metadata'>): CallFacts {
  const facts = factsOf(metadata);
  if (facts === undefined) throw new Error('a call came around the interceptor');
  return facts;
}

export function callerOf(
  facts: CallFacts,
  guards: CommandGuards | undefined,
  signal: AbortSignal,
  { machineClock }: Edge,
): Caller {
  const { deadline, principal = LOCAL } = facts;
  return {
    correlationId: facts.requestId,
    actor: principal.name,
    role: principal.role,
    interface: facts.interface,
    address: facts.address,
    signal,
    ...(guards === undefined ? {} : { guards }),
    ...(deadline === Infinity ? {} : { waitMaxMs: Math.max(0, deadline - machineClock.now()) }),
  };
}
