/** Compares the JSON Schema of an answer with the message it becomes: nothing may be lost on the way. */
import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isWhole } from './grpc-descriptors.js';

type Schema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly format?: string;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
};

/** What of the answer the message has no room for, or would spoil; each with its path. */
export function misfits(schema: object, message: DescMessage, at = ''): readonly string[] {
  const { properties = {} } = schema as Schema;
  return Object.entries(properties).flatMap(([name, member]) => {
    const path = `${at}/${name}`;
    const field = message.fields.find((each) => each.name === name);
    return field === undefined ? [`${path}: no such field`] : fieldMisfits(member, field, path);
  });
}

function fieldMisfits(schema: Schema, field: DescField, path: string): readonly string[] {
  const options = (schema.anyOf ?? [schema]).filter(({ type }) => type !== 'null');
  const [first] = options;
  // Only ever null: there is nothing to lose.
  if (first === undefined) return [];
  const isNullable = schema.anyOf?.some(({ type }) => type === 'null') ?? false;
  return [
    ...options.flatMap((option) => valueMisfits(option, field, path)),
    ...(isNullable ? presenceMisfits(first, field, path) : []),
  ];
}

/** Null must not become a zero. An empty text or list says nothing: those may stand for null. */
function presenceMisfits(schema: Schema, field: DescField, path: string): readonly string[] {
  if (field.fieldKind !== 'scalar' || field.oneof !== undefined) return [];
  return schema.type === 'string' ? [] : [`${path}: null would become 0`];
}

function valueMisfits(schema: Schema, field: DescField, path: string): readonly string[] {
  const { type } = schema;
  const wrong = [`${path}: ${type ?? '?'} does not fit a field of kind ${field.fieldKind}`];
  switch (field.fieldKind) {
    case 'scalar':
      return scalarMisfits(schema, field.scalar) ? wrong : [];
    case 'enum': {
      if (type !== 'string') return wrong;
      const { const: word } = schema;
      if (typeof word !== 'string') return [];
      const name = word.toUpperCase().replaceAll('-', '_');
      const isNamed = field.enum.values.some((value) => value.name.endsWith(`_${name}`));
      return word === '' || isNamed ? [] : [`${path}: no value for the word ${word}`];
    }
    case 'message':
      return messageMisfits(schema, field.message, path);
    case 'list':
      return listMisfits(schema, field, path);
    case 'map':
      return type === 'object' ? [] : wrong;
  }
}

function scalarMisfits({ type, format }: Schema, scalar: ScalarType): boolean {
  switch (type) {
    case 'string':
      return scalar !== ScalarType.STRING || format === 'date-time';
    case 'boolean':
      return scalar !== ScalarType.BOOL;
    case 'integer':
      return !isWhole(scalar) && scalar !== ScalarType.DOUBLE;
    case 'number':
      return scalar !== ScalarType.DOUBLE;
    default:
      return true;
  }
}

function messageMisfits(schema: Schema, message: DescMessage, path: string): readonly string[] {
  if (message.typeName === 'google.protobuf.Timestamp') {
    return schema.format === 'date-time' ? [] : [`${path}: is a moment only in the message`];
  }
  if (schema.type !== 'object') return [`${path}: is an object only in the message`];
  if (message.typeName === 'google.protobuf.Struct') return [];
  return misfits(schema, message, path);
}

/** A list of REST, or its object by name. */
function listMisfits(
  { type, items, additionalProperties }: Schema,
  field: DescField & { fieldKind: 'list' },
  path: string,
): readonly string[] {
  const each = type === 'array' ? items : additionalProperties;
  if (typeof each !== 'object') return [`${path}: is a list only in the message`];
  switch (field.listKind) {
    case 'scalar':
      return scalarMisfits(each, field.scalar) ? [`${path}/*: does not fit`] : [];
    case 'enum':
      return [];
    case 'message':
      return messageMisfits(each, field.message, `${path}/*`);
  }
}
