/** Messages as plain values: what is shown, and what `--json` prints, in the words of REST. */
import {
  BreakerState,
  CollectorState,
  CollectorType,
  Health,
  Interface,
  Outcome,
  Phase,
  Role,
} from '../gen/headgate/v1/words.js';
import { BatchAction, WatchKind } from '../gen/headgate/v1/collector_service.js';
import { AuditOutcome } from '../gen/headgate/v1/history_service.js';
import { Priority } from '../gen/headgate/v1/permit_service.js';
import { isoTime } from '../kernel/time.js';
import type { JsonObject } from '../kernel/types.js';

/** A message as REST has it: moments as ISO texts, words in lower case, null for what is absent. */
export type Plain<T> = T extends undefined
  ? null
  : T extends string
    ? // A closed vocabulary is a union of literals.
      string extends T
      ? string
      : string | null
    : T extends bigint
      ? number
      : T extends Date | Uint8Array
        ? string
        : T extends readonly (infer Item)[]
          ? readonly Plain<Item>[]
          : T extends object
            ? string extends keyof T
              ? JsonObject
              : { readonly [Name in keyof T]-?: Plain<T[Name]> }
            : T;

/** Positions, revisions and counters stay below 2^53. */
export function plain<T>(message: T): Plain<T> {
  return told(message) as Plain<T>;
}

const VOCABULARIES: readonly Readonly<Record<string, string>>[] = [
  AuditOutcome,
  BatchAction,
  BreakerState,
  CollectorState,
  CollectorType,
  Health,
  Interface,
  Outcome,
  Phase,
  Priority,
  Role,
  WatchKind,
];

/** Name of a value → the word of REST; null: it is not told. */
const WORDS: ReadonlyMap<string, string | null> = new Map(
  VOCABULARIES.flatMap((vocabulary) => {
    const names = Object.keys(vocabulary);
    const unspecified = names.find((name) => name.endsWith('_UNSPECIFIED')) ?? '';
    const prefix = unspecified.slice(0, -'UNSPECIFIED'.length);
    return names.map((name): readonly [string, string | null] => {
      if (name === unspecified) return [name, null];
      const word = name.slice(prefix.length).toLowerCase();
      // REST has always written this one so.
      return [name, prefix === 'BREAKER_STATE_' && word === 'half_open' ? 'half-open' : word];
    });
  }),
);

/** Members that hold somebody else's words. */
const FOREIGN: ReadonlySet<string> = new Set(['data', 'options']);

function told(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    const word = WORDS.get(value);
    return word === undefined ? value : word;
  }
  if (typeof value !== 'object') return value;
  if (value instanceof Date) return isoTime(value.getTime());
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(told);
  const members = Object.entries(value as Readonly<Record<string, unknown>>);
  return Object.fromEntries(
    members.map(([name, member]) => [name, FOREIGN.has(name) ? (member ?? null) : told(member)]),
  );
}
