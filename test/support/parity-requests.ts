/**
 * One input of the operation table as a request of each edge: REST's by the row, gRPC's by the descriptor
 * of its message.
 */
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { CONTRACT } from '../../src/gateway/index.js';
import type { AnyOperation } from '../../src/gateway/operation.js';
import { rpcs } from './grpc-descriptors.js';
import { GENERATED } from './grpc-generated.js';
import type { Codec } from './grpc-generated.js';
import type { Method } from './grpc-client.js';

export type Input = Readonly<Record<string, unknown>>;

/** The protections of a command, by neither edge's name. */
export type Guards = {
  readonly key?: string;
  readonly ifMatch?: string;
  readonly dryRun?: true;
};

export type RestRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

export function restRequest({ rest }: AnyOperation, input: Input, guards: Guards): RestRequest {
  const left = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const take = (name: string): string => {
    const value = left.get(name);
    left.delete(name);
    return Array.isArray(value) ? value.join(',') : String(value);
  };
  const path = rest.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(take(name)),
  );
  const query = rest.query
    .filter((name) => left.has(name))
    .map((name) => `${name}=${encodeURIComponent(take(name))}`);
  if (guards.dryRun === true) query.push('dry_run=true');
  const hasBody = rest.method !== 'GET' && (rest.method !== 'DELETE' || left.size > 0);
  return {
    method: rest.method,
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: {
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...(guards.key === undefined ? {} : { 'idempotency-key': guards.key }),
      ...(guards.ifMatch === undefined ? {} : { 'if-match': `"${guards.ifMatch}"` }),
    },
    ...(hasBody ? { body: JSON.stringify(Object.fromEntries(left)) } : {}),
  };
}

export type Rpc = {
  readonly method: Method<object, object>;
  readonly request: DescMessage;
  readonly response: DescMessage;
};

/** The rpc of a row. @throws {Error} it has none. */
export function rpcOf(row: {
  readonly name: string;
  readonly grpc?: { readonly service: string; readonly method: string };
}): Rpc {
  const { service = '', method = '' } = row.grpc ?? {};
  const path = `/headgate.v1.${service}/${method}`;
  const definition = CONTRACT.services
    .flatMap((each) => Object.values(each))
    .find((each) => each.path === path);
  const found = rpcs().find((rpc) => rpc.parent.name === service && rpc.name === method);
  if (definition === undefined || found === undefined) throw new Error(`${row.name} has no rpc`);
  return {
    method: definition,
    request: found.input,
    response: found.output,
  };
}

/** What the message has no field for; a case that needs it cannot be asked over gRPC. */
export class NoField extends Error {}

const GUARD_FIELDS = { key: 'request_id', ifMatch: 'etag', dryRun: 'validate_only' } as const;

/** @throws {NoField} */
export function grpcRequest({ request: type }: Rpc, input: Input, guards: Guards): object {
  const json: Record<string, unknown> = {};
  const mask: string[] = [];
  const config = type.fields.find(({ name }) => name === 'config');
  const nested: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const field = fieldOf(type, name);
    if (field !== undefined) json[field.name] = valueOf(field, value);
    else if (config?.fieldKind === 'message' && fieldOf(config.message, name) !== undefined) {
      mask.push(name);
      if (value !== null) nested[name] = value;
    } else throw new NoField(`${type.name} has no field for ${name}`);
  }
  for (const [guard, value] of Object.entries(guards)) {
    const name = GUARD_FIELDS[guard as keyof Guards];
    if (fieldOf(type, name) === undefined) throw new NoField(`${type.name} has no ${name}`);
    json[name] = value;
  }
  if (mask.length > 0) json['config'] = nested;
  const codec = GENERATED[type.name];
  if (codec === undefined) throw new Error(`${type.name} is not generated`);
  const message = codec.fromJSON(json);
  if (!isSayable(codec, message)) throw new NoField(`${type.name} cannot hold it`);
  // Null gives a setting back: a mask names what is not there.
  return mask.some((name) => input[name] === null) ? { ...message, update_mask: mask } : message;
}

/** A field of no sign takes no negative number: its client cannot even send one. */
function isSayable({ encode }: Codec, message: object): boolean {
  try {
    encode(message as never).finish();
    return true;
  } catch {
    return false;
  }
}

function fieldOf(type: DescMessage, name: string): DescField | undefined {
  return type.fields.find(
    (field) => field.name === name || (isDuration(field) && `${field.name}_seconds` === name),
  );
}

function isDuration(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Duration';
}

/** As the generated `fromJSON` reads it. */
function valueOf(field: DescField, value: unknown): unknown {
  if (isDuration(field)) return durationOf(Number(value));
  if (field.fieldKind === 'enum') {
    const name = `${field.enum.sharedPrefix ?? ''}${String(value)}`;
    const known = name.replaceAll('-', '_').toUpperCase();
    // A word of tomorrow: a number that this program has no name for.
    return field.enum.values.some((each) => each.name === known) ? known : -1;
  }
  if (field.fieldKind === 'list' && field.listKind === 'message' && Array.isArray(value)) {
    return value.map((each) => membersOf(field.message, each as Input));
  }
  if (field.fieldKind === 'message' && !field.message.typeName.startsWith('google.')) {
    return membersOf(field.message, value as Input);
  }
  return value;
}

function membersOf(type: DescMessage, value: Input): object {
  const members = Object.entries(value).map(([name, member]) => {
    const field = fieldOf(type, name);
    if (field === undefined) throw new NoField(`${type.name} has no field for ${name}`);
    return [field.name, valueOf(field, member)] as const;
  });
  return Object.fromEntries(members);
}

function durationOf(seconds: number): object {
  const whole = Math.trunc(seconds);
  return { seconds: String(whole), nanos: Math.round((seconds - whole) * 1e9) };
}
