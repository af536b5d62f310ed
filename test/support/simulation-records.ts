/**
 * Judges what is collected: cursors only go forward (a `CursorSet` aside), page by page, and what lies
 * behind a cursor is in the sink.
 */
import { INTERVAL_MS, type Interval } from '../../src/sources/historical-klines.js';
import type { MemoryRecords } from '../../src/records/records.memory.js';
import type { CollectorState } from '../../src/actors/collector/index.js';
import { hasBar } from './simulation-binance.js';
import type { SeenFact, SimHistory } from './simulation-history.js';
import { transactionOf, transfersIn } from './simulation-moralis.js';
import type { SimReport } from './simulation-report.js';
import { COLLECTORS } from './simulation-setups.js';

type Bars = {
  readonly next: number;
  readonly from?: number;
  readonly backfill?: { readonly next: number; readonly to: number };
};
type Transfers = { readonly from_block?: number; readonly sweep?: unknown };

export type SimRecords = {
  readonly onFact: (stream: string, fact: SeenFact) => void;
  /** Everything behind the cursors is stored. */
  readonly atRest: (records: MemoryRecords) => void;
};

export function simRecords(deps: {
  readonly history: () => SimHistory;
  readonly report: SimReport;
  /** The oldest block the first sweep reaches. */
  readonly fromBlock: number;
}): SimRecords {
  const { history, report, fromBlock } = deps;
  const at = new Map<string, { ordinal: number; place: number }>();
  return {
    onFact(stream, fact) {
      if (fact.type !== 'RunProgressed' && fact.type !== 'CursorSet') return;
      const key = `${stream}/${String(fact['series'])}`;
      const ordinal = Number(fact['ordinal']);
      const place = placeOf(String(fact['cursor']));
      const known = at.get(key);
      at.set(key, { ordinal, place });
      if (fact.type === 'CursorSet' || known === undefined) return;
      if (ordinal !== known.ordinal + 1) {
        report.fail(
          'records',
          `${key}: page ${String(ordinal)} follows page ${String(known.ordinal)}`,
        );
      }
      if (place < known.place)
        report.fail('records', `${key}: the cursor goes back to ${String(fact['cursor'])}`);
    },
    atRest(records) {
      for (const name of COLLECTORS) {
        const state = history().state(`collector-${name}`) as CollectorState | undefined;
        const stored = records.records.get(name) ?? new Map<string, unknown>();
        for (const [series, { cursor }] of Object.entries(state?.context.cursors ?? {})) {
          const missing = missingOf(series, cursor, fromBlock, (id) => stored.has(id));
          if (missing !== undefined)
            report.fail('records', `${name}: ${missing} is not in the sink`);
        }
      }
    },
  };
}

/** How far a cursor is, as a number that never falls while a series is read. */
function placeOf(cursor: string): number {
  const { next, from_block: block } = (JSON.parse(cursor) ?? {}) as Partial<Bars & Transfers>;
  return next ?? block ?? 0;
}

function missingOf(
  series: string,
  cursor: string,
  fromBlock: number,
  has: (id: string) => boolean,
): string | undefined {
  if (cursor === 'null' || series.startsWith('balances/')) return undefined;
  if (!series.startsWith('transfers/')) return missingBar(series, JSON.parse(cursor) as Bars, has);
  const { from_block: done = fromBlock } = JSON.parse(cursor) as Transfers;
  // A sweep asks for its newest block again: more of that one may come.
  for (let block = fromBlock; block < done; block += 1) {
    for (let index = 0; index < transfersIn(series, block); index += 1) {
      const id = `erc20_transfer:eth:${transactionOf(series, block)}:${String(index)}`;
      if (!has(id)) return id;
    }
  }
  return undefined;
}

function missingBar(
  series: string,
  cursor: Bars,
  has: (id: string) => boolean,
): string | undefined {
  const [symbol = '', name = '1m'] = series.split('/');
  const interval = name as Interval;
  const { next, from = next, backfill } = cursor;
  for (let open = from; open < next; open += INTERVAL_MS[interval]) {
    if (backfill !== undefined && open >= backfill.next && open < backfill.to) continue;
    const id = `kline:${symbol}:${interval}:${String(open)}`;
    if (hasBar(symbol, interval, open) && !has(id)) return id;
  }
  return undefined;
}
