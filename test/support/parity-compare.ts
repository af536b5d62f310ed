/**
 * Holds a message of gRPC against the JSON that REST answers, by the descriptor alone: it knows nothing of
 * how the product makes the one from the other.
 */
import { ScalarType } from '@bufbuild/protobuf';
import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';

/** Whether two texts or numbers that differ say the same: of two services, times and ids do not agree. */
export type Same = (rest: unknown, grpc: unknown) => boolean;

export const exactly: Same = Object.is;

/** Different services, the same commands: moments and what is drawn by chance may differ, nothing else. */
export const butForChance: Same = (rest, grpc) => {
  if (typeof rest === 'string' && typeof grpc === 'string') return masked(rest) === masked(grpc);
  const areMoments = Number(rest) > EPOCH_MS_MIN && Number(grpc) > EPOCH_MS_MIN;
  return Object.is(rest, grpc) || (areMoments && typeof rest === typeof grpc);
};

/** Whatever is greater is a moment of our days in milliseconds. */
export const EPOCH_MS_MIN = 1.6e12;

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TOKEN = /hg_[0-9A-Za-z]+_[0-9A-Za-z_-]+/g;
const HASH = /\b[0-9a-f]{64}\b/g;
const TOKEN_ID = /\b[0-9a-f]{12}\b/g;
/** Its parts count facts, and how many a run has depends on its pace. */
const ETAG = /\b\d{1,16}\.\d{1,16}\.\d{1,16}\b/g;
const EPOCH_MS = /\b1[789]\d{11}\b/g;

/** A text without what differs from one run to the next. */
export function masked(text: string): string {
  return text
    .replaceAll(MOMENT, '<moment>')
    .replaceAll(UUID, '<id>')
    .replaceAll(TOKEN, '<token>')
    .replaceAll(HASH, '<hash>')
    .replaceAll(TOKEN_ID, '<token id>')
    .replaceAll(ETAG, '<etag>')
    .replaceAll(EPOCH_MS, '<ms>');
}

/** The fields in which the elements of a list have the name REST keeps them under. */
const KEYS = ['name', 'series'] as const;

type Members = Readonly<Record<string, unknown>>;

/** Where the message does not say what the JSON says; each with its path. Empty: they agree. */
export function differences(
  type: DescMessage,
  rest: Members,
  message: Members,
  same: Same = exactly,
  at = '',
): readonly string[] {
  const strange = Object.keys(rest)
    .filter((name) => !type.fields.some((field) => field.name === name))
    .map((name) => `${at}/${name}: no such field`);
  const wrong = type.fields.flatMap((field) =>
    inField(field, rest[field.name], valueIn(message, field), same, `${at}/${field.name}`),
  );
  return [...strange, ...wrong];
}

/** Members of a oneof stand in the message itself. */
function valueIn(message: Members, field: DescField): unknown {
  return message[field.name];
}

function inField(
  field: DescField,
  rest: unknown,
  told: unknown,
  same: Same,
  at: string,
): readonly string[] {
  if (rest === undefined || rest === null) return isUnset(told) ? [] : [said(at, rest, told)];
  switch (field.fieldKind) {
    case 'scalar':
      return inScalar(field.scalar, rest, told, same, at);
    case 'enum':
      return inEnum(field.enum, rest, told, at);
    case 'message':
      return inMessage(field.message, rest, told, same, at);
    case 'list':
      return inList(field, rest, told, same, at);
    case 'map':
      return inMap(rest, told, same, at);
  }
}

/** What a reader takes for "nothing was said". */
function isUnset(told: unknown): boolean {
  if (Array.isArray(told)) return told.length === 0;
  if (typeof told === 'string') return told === '' || told.endsWith('_UNSPECIFIED');
  return told === undefined || told === false || told === 0 || told === 0n;
}

function said(at: string, rest: unknown, told: unknown): string {
  const text = (value: unknown): string =>
    typeof value === 'bigint' ? `${String(value)}n` : JSON.stringify(value);
  return `${at}: REST says ${text(rest)}, gRPC says ${text(told)}`;
}

function inScalar(
  scalar: ScalarType,
  rest: unknown,
  told: unknown,
  same: Same,
  at: string,
): readonly string[] {
  const isText = scalar === ScalarType.STRING || scalar === ScalarType.BOOL;
  const value = isText || told === undefined ? told : Number(told);
  return same(rest, value) ? [] : [said(at, rest, told)];
}

function inEnum(type: DescEnum, rest: unknown, told: unknown, at: string): readonly string[] {
  // A word that is empty says nothing.
  if (rest === '' && isUnset(told)) return [];
  const word = String(rest).replaceAll('-', '_');
  const name = `${type.sharedPrefix ?? ''}${word}`.toUpperCase();
  return name === told ? [] : [said(at, rest, told)];
}

function inMessage(
  type: DescMessage,
  rest: unknown,
  told: unknown,
  same: Same,
  at: string,
): readonly string[] {
  if (type.typeName === 'google.protobuf.Timestamp') {
    const moment = told instanceof Date && typeof rest === 'string' ? told.toISOString() : told;
    const shown = typeof rest === 'string' ? new Date(Date.parse(rest)).toISOString() : rest;
    return same(shown, moment) ? [] : [said(at, rest, told)];
  }
  if (type.typeName === 'google.protobuf.Struct') return inJson(rest, told, same, at);
  if (!isMembers(rest) || !isMembers(told)) return [said(at, rest, told)];
  return differences(type, rest, told, same, at);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON that both have as it is. */
export function inJson(rest: unknown, told: unknown, same: Same, at: string): readonly string[] {
  if (Array.isArray(rest) && Array.isArray(told)) {
    if (rest.length !== told.length) return [said(at, rest, told)];
    return rest.flatMap((each: unknown, i) => inJson(each, told[i], same, `${at}/${String(i)}`));
  }
  if (isMembers(rest) && isMembers(told)) {
    const names = new Set([...Object.keys(rest), ...Object.keys(told)]);
    return [...names].flatMap((name) => inJson(rest[name], told[name], same, `${at}/${name}`));
  }
  return same(rest, told) ? [] : [said(at, rest, told)];
}

function inMap(rest: unknown, told: unknown, same: Same, at: string): readonly string[] {
  if (!isMembers(rest) || !isMembers(told)) return [said(at, rest, told)];
  const plain = Object.entries(told).map(([key, value]) => [key, plainOf(value)] as const);
  return inJson(rest, Object.fromEntries(plain), same, at);
}

function plainOf(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

function inList(
  field: DescField & { fieldKind: 'list' },
  rest: unknown,
  told: unknown,
  same: Same,
  at: string,
): readonly string[] {
  if (!Array.isArray(told)) return [said(at, rest, told)];
  const elements = elementsOf(rest, field);
  if (elements?.length !== told.length) return [said(at, rest, told)];
  return elements.flatMap((element, i) => {
    const path = `${at}/${String(i)}`;
    if (field.listKind === 'message') return inMessage(field.message, element, told[i], same, path);
    if (field.listKind === 'enum') return inEnum(field.enum, element, told[i], path);
    return inScalar(field.scalar, element, told[i], same, path);
  });
}

/** A list, or REST's object by name as the list the message has. */
function elementsOf(
  rest: unknown,
  field: DescField & { fieldKind: 'list' },
): readonly unknown[] | undefined {
  if (Array.isArray(rest)) return rest as readonly unknown[];
  if (!isMembers(rest) || field.listKind !== 'message') return undefined;
  const key = KEYS.find((name) => field.message.fields.some((each) => each.name === name));
  if (key === undefined) return undefined;
  return Object.entries(rest).map(([name, one]) => ({ ...(one as object), [key]: name }));
}
