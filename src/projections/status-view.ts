/** Answers from the status documents: which collectors there are, and all documents of one. */
import { breakerStream } from '../kernel/ids.js';
import type { JsonObject } from '../kernel/types.js';

import { etagOf } from './etag.js';
import type { RowWrite, ScanRows, Table } from './projection.js';
import { BREAKER_DOCS, COLLECTOR_DOCS, LIMITER_DOCS } from './status.js';
import type { BreakerDoc, CollectorDocs, LimiterDoc } from './views.js';

const SCAN_PAGE_ROWS = 1000;

export type StatusView = {
  readonly names: () => readonly string[];
  readonly docs: (name: string) => CollectorDocs | undefined;
  /** What the projection wrote; undefined: look at everything again. */
  readonly told: (writes: readonly RowWrite[] | undefined) => void;
};

/** What belongs to a collector: learned from the documents, in memory. */
type Index = {
  readonly names: Set<string>;
  /** Streams, by collector. */
  readonly breakers: Map<string, Set<string>>;
  /** Scopes that name a collector. */
  readonly scopes: Map<string, Set<string>>;
};

/** `rows` are those of the status projection that serves, asked anew for each answer. */
export function statusView(rows: () => ScanRows): StatusView {
  let index = indexOf(rows());
  let assembled = new Map<string, CollectorDocs>();
  const limitersOf = (name: string, scopes: readonly string[]): readonly LimiterDoc[] => {
    const all = new Set([...scopes, ...[...(index.scopes.get(name) ?? [])].sort()]);
    return [...all].flatMap((scope) => rows().get(LIMITER_DOCS, scope)?.doc ?? []);
  };
  const breakersOf = (name: string): readonly BreakerDoc[] => {
    const streams = [...(index.breakers.get(name) ?? [])];
    const docs = streams.flatMap((stream) => rows().get(BREAKER_DOCS, stream)?.doc ?? []);
    return primaryFirst(name, docs);
  };
  return {
    names: () => [...index.names].sort(),
    docs(name) {
      const known = assembled.get(name);
      if (known !== undefined) return known;
      const row = rows().get(COLLECTOR_DOCS, name);
      if (row === undefined) return undefined;
      const docs = {
        collector: row.doc,
        breakers: breakersOf(name),
        limiters: limitersOf(name, row.doc.scopes),
        revision: row.revision,
        etag: etagOf(row.doc, {
          collector: row.commandRevision ?? -1,
          breaker: (stream) => rows().get(BREAKER_DOCS, stream)?.commandRevision ?? -1,
          limiter: (scope) => rows().get(LIMITER_DOCS, scope)?.commandRevision ?? -1,
        }),
      };
      assembled.set(name, docs);
      return docs;
    },
    told(writes) {
      if (writes === undefined) {
        index = indexOf(rows());
        assembled = new Map();
        return;
      }
      for (const write of writes) {
        if (write.kind !== 'put') continue;
        learn(index, write.table.name, write.key, write.body);
        for (const name of write.of) assembled.delete(name);
      }
    },
  };
}

/** The primary's stream has no upstream in its name; the others follow by name. */
export function primaryFirst(name: string, docs: readonly BreakerDoc[]): readonly BreakerDoc[] {
  const primary = breakerStream(name);
  const rank = (doc: BreakerDoc): string => (doc.stream === primary ? '' : doc.stream);
  return [...docs].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function indexOf(rows: ScanRows): Index {
  const index: Index = { names: new Set(), breakers: new Map(), scopes: new Map() };
  const tables: readonly Table<JsonObject>[] = [COLLECTOR_DOCS, BREAKER_DOCS, LIMITER_DOCS];
  for (const from of tables) {
    for (const { key, body } of everyRow(rows, from)) learn(index, from.name, key, body);
  }
  return index;
}

function learn(index: Index, table: string, key: string, body: JsonObject): void {
  if (table === COLLECTOR_DOCS.name) index.names.add(key);
  if (table === BREAKER_DOCS.name) {
    const { doc } = body as NonNullable<(typeof BREAKER_DOCS)['row']>;
    listed(index.breakers, doc.collector).add(key);
  }
  if (table === LIMITER_DOCS.name) {
    const { doc } = body as NonNullable<(typeof LIMITER_DOCS)['row']>;
    for (const collector of doc.collectors) listed(index.scopes, collector).add(key);
  }
}

function listed(map: Map<string, Set<string>>, name: string): Set<string> {
  const known = map.get(name) ?? new Set<string>();
  map.set(name, known);
  return known;
}

/** All rows of a table, page by page. */
export function* everyRow<T extends JsonObject>(
  rows: ScanRows,
  from: Table<T>,
): Generator<{ readonly key: string; readonly body: T }> {
  let after = '';
  for (;;) {
    const range = { from: after, to: LAST_KEY, limit: SCAN_PAGE_ROWS, order: 'ascending' } as const;
    const page = rows.scan(from, range);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < SCAN_PAGE_ROWS) return;
    after = `${last.key}\u0001`;
  }
}

/** Past every key. */
const LAST_KEY = '\u{10ffff}';
