/**
 * The tables of operations and streams bound to the services as they were generated: each row that names an
 * rpc finds it, and each rpc has a row.
 */
import { assert } from '../../kernel/errors.js';
import type { AnyOperation, AnyStreamOperation } from '../operation.js';
import type { MethodFacts } from './call-facts.js';
import type { StreamMessages, StreamTable, UnaryMessages, UnaryTable } from './messages/port.js';
import type { MethodDefinition } from './requests.js';

export const PACKAGE = 'headgate.v1';

/** Methods by the generated service's own keys. */
export type Service = Readonly<Record<string, MethodDefinition>>;

export type Contract = {
  readonly services: readonly Service[];
  readonly operations: readonly AnyOperation[];
  readonly streams: readonly AnyStreamOperation[];
  readonly unaryMessages: UnaryTable;
  readonly streamMessages: StreamTable;
};

/** One rpc with everything that answers it. */
export type Bound =
  | {
      readonly kind: 'unary';
      readonly definition: MethodDefinition;
      readonly operation: AnyOperation;
      readonly messages: UnaryMessages;
    }
  | {
      readonly kind: 'stream';
      readonly definition: MethodDefinition;
      readonly operation: AnyStreamOperation;
      readonly messages: StreamMessages;
    };

type Row =
  | { readonly kind: 'unary'; readonly operation: AnyOperation }
  | { readonly kind: 'stream'; readonly operation: AnyStreamOperation };

/** @throws {InvariantViolated} a row without its rpc or messages, an rpc without a row, or of another kind. */
export function bindAll(contract: Contract): readonly Bound[] {
  const { services, operations, streams, unaryMessages, streamMessages } = contract;
  const rows = new Map<string, Row>();
  const put = (row: Row): void => {
    const { grpc, name } = row.operation;
    if (grpc === undefined) return;
    const path = `/${PACKAGE}.${grpc.service}/${grpc.method}`;
    assert(!rows.has(path), `${path} has two rows, ${name} is one of them`);
    rows.set(path, row);
  };
  for (const operation of operations) put({ kind: 'unary', operation });
  for (const operation of streams) put({ kind: 'stream', operation });
  const bound = services.flatMap((service) =>
    Object.values(service).map((definition): Bound => {
      const { path } = definition;
      const row = rows.get(path);
      assert(row !== undefined, `${path} has no row in the table of operations`);
      rows.delete(path);
      assert(!definition.requestStream, `${path} takes a stream: no operation does`);
      assert(
        definition.responseStream === (row.kind === 'stream'),
        `${path} and its row ${row.operation.name} differ in whether the answer is a stream`,
      );
      return row.kind === 'unary'
        ? { ...row, definition, messages: messagesOf(unaryMessages, row) }
        : { ...row, definition, messages: messagesOf(streamMessages, row) };
    }),
  );
  const [left] = rows.keys();
  assert(left === undefined, `${String(left)} is in the table of operations and in no service`);
  return bound;
}

function messagesOf<T>(table: Readonly<Record<string, T>>, { operation: { grpc } }: Row): T {
  const method = grpc?.method ?? '';
  const messages = table[method];
  assert(messages !== undefined, `${method} is an rpc without messages`);
  return messages;
}

/** `/headgate.v1.CollectorService/GetCollector` in its parts. */
export function methodFacts({
  path,
  requestStream,
  responseStream,
}: MethodDefinition): MethodFacts {
  const [, service = '', method = ''] = path.split('/');
  const type = requestStream ? 'bidi_stream' : responseStream ? 'server_stream' : 'unary';
  return { path, service, method, type };
}
