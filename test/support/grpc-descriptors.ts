/** The committed descriptor set of headgate.v1, as a registry, and what its comments and fields say. */
import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';

const IMAGE = new URL('../../proto/headgate.binpb', import.meta.url);
export const PACKAGE = 'headgate.v1';

const files = fromBinary(FileDescriptorSetSchema, readFileSync(IMAGE));
export const registry = createFileRegistry(files);

export function messageOf(name: string): DescMessage {
  const found = registry.getMessage(name);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found;
}

export function rpcs(): readonly DescMethod[] {
  return [...registry].flatMap((each) =>
    each.kind === 'service' && each.file.proto.package === PACKAGE ? each.methods : [],
  );
}

/** Leading comment of an rpc, a message, a field or a value; '' without one. */
export function commentAt(file: FileDescriptorProto, path: readonly number[]): string {
  const found = file.sourceCodeInfo?.location.find(
    (location) => location.path.join('.') === path.join('.'),
  );
  return found?.leadingComments ?? '';
}

const SERVICE = 6;
const METHOD = 2;

/** The comment of an rpc. */
export function commentOf(method: DescMethod): string {
  const { parent: service } = method;
  const { proto: file } = service.file;
  const path = [
    SERVICE,
    file.service.findIndex(({ name }) => name === service.name),
    METHOD,
    service.methods.indexOf(method),
  ];
  return commentAt(file, path);
}

/** Everything in the package that has no comment. */
export function uncommented(): readonly string[] {
  const missing: string[] = [];
  for (const file of files.file.filter((each) => each.package === PACKAGE)) {
    const look = (what: string, path: readonly number[]): void => {
      if (commentAt(file, path).trim() === '') missing.push(what);
    };
    file.messageType.forEach((message, i) => {
      look(message.name, [4, i]);
      message.field.forEach((field, j) => {
        look(`${message.name}.${field.name}`, [4, i, 2, j]);
      });
    });
    file.enumType.forEach((type, i) => {
      look(type.name, [5, i]);
      type.value.forEach((value, j) => {
        look(value.name, [5, i, 2, j]);
      });
    });
    file.service.forEach((service, i) => {
      look(service.name, [SERVICE, i]);
      service.method.forEach((method, j) => {
        look(method.name, [SERVICE, i, METHOD, j]);
      });
    });
  }
  return missing;
}

const WHOLE: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT32,
  ScalarType.INT64,
  ScalarType.UINT32,
  ScalarType.UINT64,
]);

export function isWhole(scalar: ScalarType): boolean {
  return WHOLE.has(scalar);
}

/** A message as proto3 JSON, with something in every field that is not its default. */
export function filled(message: DescMessage): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const field of message.fields) members[field.name] = sample(field);
  return members;
}

function sample(field: DescField): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarSample(field.scalar);
    case 'enum':
      return field.enum.values[1]?.name;
    case 'message':
      return messageSample(field.message);
    case 'list':
      if (field.listKind === 'scalar') return [scalarSample(field.scalar)];
      if (field.listKind === 'enum') return [field.enum.values[1]?.name];
      return [messageSample(field.message)];
    case 'map':
      return { key: 1 };
  }
}

function messageSample(message: DescMessage): unknown {
  switch (message.typeName) {
    case 'google.protobuf.Timestamp':
      return '2026-11-23T12:00:00.000Z';
    case 'google.protobuf.Duration':
      return { seconds: '1', nanos: 500_000_000 };
    case 'google.protobuf.FieldMask':
      return undefined;
    default:
      return filled(message);
  }
}

function scalarSample(scalar: ScalarType): unknown {
  if (scalar === ScalarType.STRING) return 'text';
  if (scalar === ScalarType.BOOL) return true;
  return 1;
}
