/**
 * Reads one series of ERC-20 transfers. The upstream answers newest first, so a series is read in
 * sweeps: from the newest transfer down to the last block the sweep before began at.
 *
 * M1 A sweep asks from the newest block seen before, that block included: more of it may have been
 *    indexed since. Rows of that block that are stored already are left out.
 * M2 A sweep may take several runs (PAGES_PER_RUN_MAX each); its cursor holds where it goes on.
 * M3 The first sweep of a series has no lower end: it stops after `historyPages`.
 * M4 A paging token seen twice ends the run as bad data; SWEEP_PAGES_MAX ends what repeats over runs.
 * M5 A sweep that cannot go on where it stands is begun anew (sweeps.ts).
 */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord, RecordId } from '../kernel/record.js';
import {
  blockOf,
  momentOf,
  rowsOf,
  ROWS_PER_PAGE,
  transferDigest,
  transferRecord,
  transfersSchema,
  type TransferRow,
} from './moralis-rows.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { leaveSweep } from './sweeps.js';

export const PAGES_PER_RUN_MAX = 20;
export const SWEEP_PAGES_MAX = 10_000;
/** Of the newest block, this many ids are remembered (M1). Beyond it rows come twice, with equal ids. */
export const SEEN_MAX = 200;

const ids = Type.Array(Type.String({ maxLength: 300 }), { maxItems: SEEN_MAX });
const block = Type.Integer({ minimum: 0 });

const cursorSchema = Type.Object({
  /** Lowest block the next sweep asks for. */
  from_block: Type.Optional(block),
  /** Ids stored of that block. */
  seen: Type.Optional(ids),
  /** A sweep that is not done. */
  sweep: Type.Optional(
    Type.Object({
      token: Type.String({ maxLength: 4096 }),
      /** Newest block of the sweep and the ids stored of it: `from_block` and `seen` of the next. */
      newest: Type.Optional(block),
      newest_seen: Type.Optional(ids),
      pages: Type.Integer({ minimum: 1 }),
      /** How many rows equal to each digest the page before ended with: equal rows may go on. */
      repeats: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 1 }))),
      /** The page it stands at was bad data the last time. */
      failed: Type.Optional(Type.Literal(true)),
    }),
  ),
});
export type TransferCursor = Static<typeof cursorSchema>;
type Sweep = NonNullable<TransferCursor['sweep']>;

export type TransferSeries = {
  readonly series: string;
  readonly endpoint: 'erc20_transfers' | 'wallet_erc20_transfers';
  readonly path: string;
  readonly chain: string;
  /** Where the first sweep ends; absent: after `historyPages`. */
  readonly fromBlock: number | undefined;
  readonly historyPages: number;
};

type Context = SourceContext<unknown>;

/** One run's part of a series: the sweep that is open, or a new one. */
export async function* readTransfers(context: Context, series: TransferSeries): Pages {
  let cursor = stored(context, series);
  const tokens = new Set<string>();
  for (let page = 0; page < PAGES_PER_RUN_MAX; page += 1) {
    const token = cursor.sweep?.token;
    if (token !== undefined) tokens.add(token);
    const reply = await request(context, series, cursor, tokens);
    if (!reply.ok) {
      const { sweep, ...rest } = cursor;
      if (page === 0)
        yield* leaveSweep(series.series, sweep, reply, (left) => ({ ...rest, ...left }));
      return reply;
    }
    const { rows, next } = rowsOf(reply.body);
    const read = readRows(series, cursor, rows);
    const before = cursor;
    cursor = advanced(series, cursor, rows, read, next);
    const moved = JSON.stringify(cursor) !== JSON.stringify(before);
    if (read.fresh.length > 0 || moved) {
      yield { series: series.series, records: read.fresh, cursor };
    }
    if (cursor.sweep === undefined) return undefined;
  }
  return undefined; // M2
}

function stored(context: Context, { series, fromBlock }: TransferSeries): TransferCursor {
  const found = storedCursor(context, series, cursorSchema);
  return found ?? (fromBlock === undefined ? {} : { from_block: fromBlock });
}

function request(
  context: Context,
  { endpoint, path, chain }: TransferSeries,
  { from_block: fromBlock, sweep }: TransferCursor,
  tokens: ReadonlySet<string>,
): ReturnType<typeof context.request<typeof transfersSchema>> {
  return context.request(endpoint, {
    path,
    query: { chain, limit: ROWS_PER_PAGE, from_block: fromBlock, cursor: sweep?.token },
    schema: transfersSchema,
    check: (body) => {
      const { rows, next } = rowsOf(body);
      const soon = context.now() + AHEAD_MAX_MS;
      if (next !== undefined && tokens.has(next)) return 'the paging cursor comes back'; // M4
      const odd = rows.findIndex((row) => Number.isNaN(momentOf(row)));
      if (odd >= 0) return `row ${String(odd)}: a moment no calendar has`;
      const early = rows.findIndex((row) => momentOf(row) > soon);
      return early < 0 ? undefined : `row ${String(early)}: in the future`;
    },
  });
}

type Read = {
  readonly records: readonly { readonly block: number; readonly record: CollectedRecord }[];
  readonly fresh: readonly CollectedRecord[];
  readonly repeats: ReadonlyMap<string, number>;
};

function readRows(
  { chain, series }: TransferSeries,
  { seen, sweep }: TransferCursor,
  rows: readonly TransferRow[],
): Read {
  const repeats = new Map(Object.entries(sweep?.repeats ?? {}));
  const known: ReadonlySet<RecordId> = new Set(seen);
  const records = rows.map((row) => {
    const digest = transferDigest(row);
    const repeat = repeats.get(digest) ?? 0;
    if (row.log_index === undefined) repeats.set(digest, repeat + 1);
    return { block: blockOf(row), record: transferRecord(chain, series, row, repeat) };
  });
  const fresh = records.map(({ record }) => record).filter(({ id }) => !known.has(id)); // M1
  return { records, fresh, repeats };
}

/** The cursor after a page: the sweep goes on, or ends and leaves where the next begins. */
function advanced(
  series: TransferSeries,
  cursor: TransferCursor,
  rows: readonly TransferRow[],
  read: Read,
  token: string | undefined,
): TransferCursor {
  const { from_block: fromBlock, seen } = cursor;
  const pages = (cursor.sweep?.pages ?? 0) + 1;
  const newest = newestOf(cursor, read);
  const pastEnd = fromBlock !== undefined && rows.some((row) => blockOf(row) < fromBlock);
  const pagesMax = fromBlock === undefined ? series.historyPages : SWEEP_PAGES_MAX; // M3, M4
  if (token === undefined || pastEnd || pages >= pagesMax) {
    const end = newest ?? (fromBlock === undefined ? undefined : { block: fromBlock, ids: seen });
    if (end === undefined) return {};
    return { from_block: end.block, ...(end.ids === undefined ? {} : { seen: [...end.ids] }) };
  }
  const sweep: Sweep = {
    token,
    ...(newest === undefined ? {} : { newest: newest.block, newest_seen: [...newest.ids] }),
    pages,
    ...lastRepeats(rows, read.repeats),
  };
  return { ...withoutSweep(cursor), sweep };
}

/** Newest block up to here, with the ids of all its rows that fit (M1). */
function newestOf(
  { from_block: fromBlock, seen, sweep }: TransferCursor,
  { records }: Read,
): { readonly block: number; readonly ids: readonly RecordId[] } | undefined {
  const highest = records.reduce((most, { block: at }) => Math.max(most, at), sweep?.newest ?? -1);
  if (highest < 0) return undefined;
  const before = [
    ...(sweep?.newest === highest ? (sweep.newest_seen ?? []) : []),
    ...(fromBlock === highest ? (seen ?? []) : []),
  ];
  const here = records.filter(({ block: at }) => at === highest).map(({ record }) => record.id);
  return { block: highest, ids: [...new Set([...before, ...here])].slice(0, SEEN_MAX) };
}

/** Counts of the rows of the last transaction only: others cannot go on in the next page. */
function lastRepeats(
  rows: readonly TransferRow[],
  repeats: ReadonlyMap<string, number>,
): { readonly repeats?: Record<string, number> } {
  const last = rows.at(-1)?.transaction_hash;
  const open = rows.filter((row) => row.transaction_hash === last && row.log_index === undefined);
  const digests = [...new Set(open.map(transferDigest))].slice(-SEEN_MAX);
  if (digests.length === 0) return {};
  return { repeats: Object.fromEntries(digests.map((key) => [key, repeats.get(key) ?? 1])) };
}

function withoutSweep({ from_block: fromBlock, seen }: TransferCursor): TransferCursor {
  return {
    ...(fromBlock === undefined ? {} : { from_block: fromBlock }),
    ...(seen === undefined ? {} : { seen }),
  };
}
