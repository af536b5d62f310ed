/**
 * What the messages of an rpc mean to the operation of its row: the words between the server, which
 * carries bytes, and the codecs of this folder, which know each field.
 */
import type { JsonObject } from '../../../kernel/types.js';
import type { CommandGuards, StreamItem } from '../../operation.js';
import type { InputError } from '../../problems.js';

/** A request, read. */
export type Asked = {
  /** As the operation's schema wants it, `reason` and `ttl_seconds` included; what is unset is absent. */
  readonly input: object;
  /** `request_id`, `etag`, `validate_only`; empty texts and false are absent. */
  readonly guards?: CommandGuards;
  /** What no input could say, e.g. a timestamp outside the calendar. The schema's own rules come after. */
  readonly errors?: readonly InputError[];
};

/** `Request` and `Response` are the generated types; the table forgets them. Both are pure. */
export type UnaryMessages<Request = never, Response = object> = {
  readonly asked: (request: Request) => Asked;
  /** `answer` is REST's body without `success`; members the message has no field for are left out. */
  readonly response: (answer: JsonObject) => Response;
};

export type StreamMessages<Request = never, Response = object> = {
  readonly asked: (request: Request) => Asked;
  readonly response: (item: StreamItem) => Response;
};

/** By `grpc.method` of the operation's row: no two services have an rpc of one name. */
export type UnaryTable = Readonly<Record<string, UnaryMessages>>;
export type StreamTable = Readonly<Record<string, StreamMessages>>;
