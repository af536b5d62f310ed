/**
 * What a projection is: a name, a version, and what each fact does to the rows of its read model.
 *
 * A handler is pure: it reads rows and answers with the writes the fact means. Rows belong to one
 * stream's facts only, so that parking a stream never leaves another's rows half told.
 */
import type { JsonObject, Position, Revision, StreamId } from '../kernel/types.js';
import type { StoredEvent } from '../journal/port.js';
import type { Fact, FactCategory } from './facts.js';

/** Where rows of one shape lie. `cached`: rows are read again soon, keep them in memory. */
export type Table<T extends JsonObject> = {
  readonly name: string;
  readonly cached: boolean;
  /** Only a type: what a row holds. */
  readonly row?: T;
};

export function table<T extends JsonObject>(name: string, cached = true): Table<T> {
  return { name, cached };
}

export type RowWrite =
  | {
      readonly kind: 'put';
      readonly table: Table<JsonObject>;
      readonly key: string;
      readonly body: JsonObject;
      /** The collectors whose answers change by it. */
      readonly of: readonly string[];
    }
  | { readonly kind: 'remove'; readonly table: Table<JsonObject>; readonly key: string }
  /** Keys from `from` (included) to `to` (not included): what passed its retention. Not of a cached table. */
  | {
      readonly kind: 'remove-range';
      readonly table: Table<JsonObject>;
      readonly from: string;
      readonly to: string;
    };

export function put<T extends JsonObject>(
  into: Table<T>,
  key: string,
  body: T,
  of: readonly string[],
): RowWrite {
  return { kind: 'put', table: into, key, body, of };
}

export type Rows = {
  get<T extends JsonObject>(from: Table<T>, key: string): T | undefined;
};

export type RowRange = {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  readonly order: 'ascending' | 'descending';
};

export type ScanRows = Rows & {
  /** Rows with from <= key < to, by key. */
  scan<T extends JsonObject>(
    from: Table<T>,
    range: RowRange,
  ): readonly { readonly key: string; readonly body: T }[];
};

/** Where in the journal a fact stands. */
export type Where = {
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly position: Position;
  /** `interface`: through which door its command came; `system` is the program itself. */
  readonly metadata: { readonly interface: string };
};

export type Handlers = {
  readonly [T in Fact['type']]?: (
    fact: Extract<Fact, { readonly type: T }>,
    where: Where,
    rows: Rows,
  ) => readonly RowWrite[];
};

export type Projection = {
  readonly name: string;
  /** Bump when a handler's meaning changes: it is rebuilt beside the old one. */
  readonly version: number;
  readonly categories: readonly FactCategory[];
  readonly handlers: Handlers;
  /**
   * Sees each event of every stream as it is stored, whatever its category and type; instead of
   * `categories` and `handlers`. Most events mean nothing to it: it answers those at once.
   */
  readonly events?: (event: StoredEvent, rows: Rows) => readonly RowWrite[];
};

const MOMENT_DIGITS = 15;

/** A moment (or a position) as part of a key: keys sort as the numbers do. */
export function sortable(value: number): string {
  return String(Math.max(0, Math.floor(value))).padStart(MOMENT_DIGITS, '0');
}

/** Past every key that begins with `prefix` and goes on with `sortable` parts. */
export function prefixEnd(prefix: string): string {
  return `${prefix}~`;
}
