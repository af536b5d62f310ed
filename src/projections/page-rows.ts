/** Rows in memory: what was read lately, and what one page of events changes until it is durable. */
import { assert } from '../kernel/errors.js';
import type { JsonObject } from '../kernel/types.js';
import type { Rows, RowWrite, ScanRows, Table } from './projection.js';
import type { ReadStore } from './read-store.js';

/** Rows kept in memory per projection; beyond it the oldest read go first. */
const CACHED_ROWS_MAX = 200_000;

export type RowCache = ScanRows & {
  set(table: Table<JsonObject>, key: string, body: JsonObject | undefined): void;
  clear(): void;
};

/** The rows of one instance, the recently used ones without asking the store. */
export function rowCache(store: ReadStore, instance: number): RowCache {
  const tables = new Map<string, Map<string, JsonObject | undefined>>();
  let size = 0;
  const rowsOf = (name: string): Map<string, JsonObject | undefined> => {
    const known = tables.get(name) ?? new Map<string, JsonObject | undefined>();
    tables.set(name, known);
    return known;
  };
  const remember = (table: Table<JsonObject>, key: string, body: JsonObject | undefined): void => {
    if (!table.cached) return;
    const rows = rowsOf(table.name);
    if (!rows.has(key)) size += 1;
    rows.set(key, body);
    if (size <= CACHED_ROWS_MAX) return;
    const [oldest] = rows.keys();
    if (oldest !== undefined && rows.delete(oldest)) size -= 1;
  };
  return {
    get<T extends JsonObject>(table: Table<T>, key: string): T | undefined {
      const rows = rowsOf(table.name);
      const kept = rows.get(key);
      if (kept !== undefined || rows.has(key)) return kept as T | undefined;
      const stored = store.row(instance, table.name, key);
      remember(table, key, stored);
      return stored as T | undefined;
    },
    scan<T extends JsonObject>(table: Table<T>, range: Parameters<ScanRows['scan']>[1]) {
      const found = store.scan(instance, table.name, range);
      return found as readonly { readonly key: string; readonly body: T }[];
    },
    set: remember,
    clear() {
      tables.clear();
      size = 0;
    },
  };
}

export type PageRows = Rows & {
  add(writes: readonly RowWrite[]): void;
  /** What is to be stored: each key once, with its last body; then the ranges that go. */
  writes(): readonly RowWrite[];
  /** It is durable: the cache takes it over. */
  keep(): void;
};

/** The changes of one page on top of a cache; thrown away when the page does not become durable. */
export function pageRows(cache: RowCache): PageRows {
  const changed = new Map<string, Map<string, RowWrite>>();
  const ranges: Extract<RowWrite, { kind: 'remove-range' }>[] = [];
  const changedIn = (name: string): Map<string, RowWrite> => {
    const known = changed.get(name) ?? new Map<string, RowWrite>();
    changed.set(name, known);
    return known;
  };
  return {
    get<T extends JsonObject>(table: Table<T>, key: string): T | undefined {
      const write = changed.get(table.name)?.get(key);
      if (write === undefined) return cache.get(table, key);
      return write.kind === 'put' ? (write.body as T) : undefined;
    },
    add(writes) {
      for (const write of writes) {
        if (write.kind === 'remove-range') {
          assert(!write.table.cached, `rows of ${write.table.name} are cached: name their keys`);
          ranges.push(write);
        } else changedIn(write.table.name).set(write.key, write);
      }
    },
    writes: () => [...[...changed.values()].flatMap((rows) => [...rows.values()]), ...ranges],
    keep() {
      for (const rows of changed.values()) {
        for (const write of rows.values()) {
          if (write.kind === 'put') cache.set(write.table, write.key, write.body);
          else if (write.kind === 'remove') cache.set(write.table, write.key, undefined);
        }
      }
    },
  };
}
