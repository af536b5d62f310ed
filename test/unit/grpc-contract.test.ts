/** headgate.v1 against the table of operations: rpcs, their comments, their messages. */
import type { DescMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OPERATIONS, STREAMS } from '../../src/gateway/api.js';
import { STREAM_MESSAGES, UNARY_MESSAGES } from '../../src/gateway/grpc/messages/index.js';
import { isCommand } from '../../src/gateway/operation.js';
import type { AnyOperation, AnyStreamOperation } from '../../src/gateway/operation.js';
import {
  commentOf,
  filled,
  messageOf,
  PACKAGE,
  rpcs,
  uncommented,
} from '../support/grpc-descriptors.js';
import { misfits } from '../support/grpc-fit.js';
import { GENERATED } from '../support/grpc-generated.js';

type Row = AnyOperation | AnyStreamOperation;
const unaryRows = OPERATIONS.filter(({ grpc }) => grpc !== undefined);
const streamRows = STREAMS.filter(({ grpc }) => grpc !== undefined);
const rowOf = (service: string, method: string): Row | undefined =>
  [...unaryRows, ...streamRows].find(
    ({ grpc }) => grpc?.service === service && grpc.method === method,
  );
const named = (row: Row): string => `${row.grpc?.service ?? ''}/${row.grpc?.method ?? ''}`;

/** Members of an input that its request has no field for, and why. */
const NOT_ASKED: Readonly<Record<string, readonly string[]>> = {
  // REST takes it because three commands share their body; it means nothing.
  RestartCollector: ['ttl_seconds'],
};

describe('headgate.v1 and the table of operations', () => {
  it('has a row for each rpc, and an rpc for each row that names one', () => {
    const inProto = rpcs().map(({ parent, name }) => `${parent.name}/${name}`);
    expect([...unaryRows, ...streamRows].map(named).sort()).toEqual(inProto.sort());
  });

  it('has messages for each rpc and for nothing else, streams apart from the rest', () => {
    const unary = rpcs().filter(({ methodKind }) => methodKind === 'unary');
    const streams = rpcs().filter(({ methodKind }) => methodKind === 'server_streaming');
    expect(Object.keys(UNARY_MESSAGES).sort()).toEqual(unary.map(({ name }) => name).sort());
    expect(Object.keys(STREAM_MESSAGES).sort()).toEqual(streams.map(({ name }) => name).sort());
    expect(unary.length + streams.length).toBe(rpcs().length);
    expect(streams.map(({ name }) => name).sort()).toEqual(
      streamRows.map(({ grpc }) => grpc?.method).sort(),
    );
  });

  it.each(rpcs().map((rpc) => [`${rpc.parent.name}/${rpc.name}`, rpc] as const))(
    'says in the comment of %s where REST has it, and who may call it',
    (_name, rpc) => {
      const row = rowOf(rpc.parent.name, rpc.name);
      const comment = commentOf(rpc);
      const told = /^ REST: (.*)$/m.exec(comment)?.[1];
      expect(told).toMatch(/^(none, .+|[A-Z]+ \/.*)$/);
      const rest = row !== undefined && 'rest' in row ? row.rest : undefined;
      if (rest === undefined) expect(told).toMatch(/^none, /);
      else expect(told).toBe(`${rest.method} ${rest.path}`);
      const role = /\b(Viewer|Operator|Admin)\./.exec(comment)?.[1];
      expect(role?.toLowerCase()).toBe(row?.role);
    },
  );

  it('has a comment on everything', () => {
    expect(uncommented()).toEqual([]);
  });
});

/** What a request with these fields guards, all of them set. */
function guardsOf({ fields }: DescMessage): readonly string[] {
  const guards = [
    ['etag', 'ifMatch'],
    ['request_id', 'key'],
    ['validate_only', 'dryRun'],
  ] as const;
  return guards
    .filter(([name]) => fields.some((field) => field.name === name))
    .map(([, guard]) => guard)
    .sort();
}

/** The messages of a row, and what its request reads as. */
function askedOf({ grpc }: Row, json: object) {
  const method = grpc?.method ?? '';
  const entry = UNARY_MESSAGES[method] ?? STREAM_MESSAGES[method];
  const request = GENERATED[`${method}Request`]?.fromJSON(json);
  return entry?.asked(request as never) ?? { input: {} };
}

describe('the request of each rpc', () => {
  it.each([...unaryRows, ...streamRows].map((row) => [named(row), row] as const))(
    '%s asks for everything its operation takes, and guards what it guards',
    (_name, row) => {
      const method = row.grpc?.method ?? '';
      const request = messageOf(`${PACKAGE}.${method}Request`);
      const told = askedOf(row, filled(request));
      const members = Object.keys(row.input.properties);
      const missing = NOT_ASKED[method] ?? [];
      expect(Object.keys(told.input).sort()).toEqual(
        members.filter((member) => !missing.includes(member)).sort(),
      );
      expect(told.errors).toBeUndefined();
      expect(Object.keys(told.guards ?? {}).sort()).toEqual(guardsOf(request));
      if (told.guards !== undefined) expect('writes' in row && isWriter(row)).toBe(true);
    },
  );

  it.each([...unaryRows, ...streamRows].map((row) => [named(row), row] as const))(
    '%s asks for nothing where nothing is set',
    (_name, row) => {
      const told = askedOf(row, {});
      const optional = Object.entries(row.input.properties)
        .filter(([name]) => !(row.input.required ?? []).includes(name))
        .map(([name]) => name);
      expect(Object.keys(told.input).filter((name) => optional.includes(name))).toEqual([]);
      expect(told.guards).toBeUndefined();
    },
  );
});

describe('the enums of requests', () => {
  it.each([...unaryRows, ...streamRows].map((row) => [named(row), row] as const))(
    '%s has a value for each word its operation takes',
    (_name, row) => {
      const request = messageOf(`${PACKAGE}.${row.grpc?.method ?? ''}Request`);
      const enums = request.fields.filter(({ fieldKind }) => fieldKind === 'enum');
      const properties = Object.fromEntries(
        enums.map(({ name }) => [name, row.input.properties[name]] as const),
      );
      expect(misfits({ properties }, request)).toEqual([]);
    },
  );
});

function isWriter(row: Row): boolean {
  return 'rest' in row && isCommand(row);
}

describe('the response of each rpc', () => {
  it.each(unaryRows.map((row) => [named(row), row] as const))(
    '%s has a field of the right kind for everything its answer tells',
    (_name, row) => {
      const response = messageOf(`${PACKAGE}.${row.grpc?.method ?? ''}Response`);
      expect(misfits(row.output, response)).toEqual([]);
    },
  );
});
