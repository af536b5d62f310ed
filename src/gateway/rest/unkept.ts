/**
 * Headers by which a client asks for a protection this service does not give yet. To ignore one would
 * leave the client believing that a repeat cannot act twice, or that nobody was here before it; so a
 * command that carries one is refused before anything happens (docs/decisions/0009-unkept-promises.md).
 * A question changes nothing: there is nothing to be protected from, and the header is ignored.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isCommand } from '../operation.js';
import type { AnyOperation } from '../operation.js';
import type { Problem } from '../problems.js';

/** As people write them; Node has header names in lower case. */
export const UNKEPT_HEADERS = [
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'If-Unmodified-Since',
] as const;

const LOOKED_FOR = UNKEPT_HEADERS.map((name) => ({ name, key: name.toLowerCase() }));

/** What is wrong with the headers of a request for this operation, or undefined. */
export type UnkeptPromise = (headers: IncomingHttpHeaders) => Problem | undefined;

export function unkeptPromise(operation: AnyOperation): UnkeptPromise {
  if (!isCommand(operation)) return () => undefined;
  return (headers) => {
    const given = LOOKED_FOR.filter(({ key }) => headers[key] !== undefined);
    if (given.length === 0) return undefined;
    const names = given.map(({ name }) => name).join(', ');
    const verb = given.length === 1 ? 'is' : 'are';
    const detail = `${names} ${verb} not supported yet: nothing was done; send it again without`;
    return { code: 'header_not_supported', detail };
  };
}
