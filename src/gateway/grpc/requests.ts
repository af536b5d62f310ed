/** The bytes of a request to the checked input of its operation: what cannot be read is a problem, never a throw. */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { holdsToken } from '../../kernel/token-shapes.js';
import type { Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import { inputCheck } from '../check-input.js';
import type { AnyOperation, AnyStreamOperation, CommandGuards } from '../operation.js';
import { invalidInput } from '../problems.js';
import type { InputError, Problem } from '../problems.js';
import type { Asked } from './messages/port.js';

/** One method as it was generated. */
export type MethodDefinition = ServiceDefinition[string];

/** Reads a request message; the limit is in our words, below the library's own. */
export function requestReader(
  { requestDeserialize }: MethodDefinition,
  bytesMax: number,
): (bytes: Buffer) => Result<object, Problem> {
  return (bytes) => {
    if (bytes.length > bytesMax) {
      const detail = `the message is longer than ${String(bytesMax)} bytes`;
      return fail({ code: 'payload_too_large', detail });
    }
    try {
      return ok(requestDeserialize(bytes) as object);
    } catch {
      const detail = 'the message is not one of this method’s request type';
      return fail({ code: 'bad_request', detail });
    }
  };
}

export type Checked = { readonly input: object; readonly guards: CommandGuards | undefined };

/** The input of a request, or everything that is wrong with it. */
export function inputReader(
  operation: AnyOperation | AnyStreamOperation,
  asked: (request: never) => Asked,
): (request: object) => Result<Checked, Problem> {
  const check = inputCheck(operation);
  return (request) => {
    const { input, guards, errors = [] } = asked(request as never);
    const wrong = [...errors, ...check(input), ...guardErrors(guards)];
    return wrong.length === 0 ? ok({ input, guards }) : fail(invalidInput(...firstOfEach(wrong)));
  };
}

const KEY = /^[\u0021-\u007e]{1,200}$/;
const ETAG = /^\d{1,16}\.\d{1,16}\.\d{1,16}$/;
const NOTHING: readonly InputError[] = [];

/** The rules of `Idempotency-Key` and `If-Match`, for fields. */
function guardErrors(guards: CommandGuards | undefined): readonly InputError[] {
  if (guards === undefined) return NOTHING;
  const { key, ifMatch } = guards;
  const errors: InputError[] = [];
  if (key !== undefined && (!KEY.test(key) || holdsToken(key))) {
    const detail = 'must be 1 to 200 visible ASCII characters, no secret';
    errors.push({ pointer: '/request_id', detail });
  }
  if (ifMatch !== undefined && !ETAG.test(ifMatch)) {
    errors.push({ pointer: '/etag', detail: 'must be an etag as an answer had it, e.g. 4.0.1' });
  }
  return errors;
}

function firstOfEach(errors: readonly InputError[]): readonly InputError[] {
  const seen = new Set<string>();
  return errors.filter(({ pointer }) => !seen.has(pointer) && seen.add(pointer));
}
