/** What the upstream has, asked directly, against what a service stored of it. */
import { isDeepStrictEqual } from 'node:util';
import type { RecordId } from '../../src/kernel/record.js';
import type { StoredRecord } from '../../src/records/port.js';
import { sqliteRecordSink } from '../../src/records/index.js';
import { klineRecord, type Interval, type Kline } from '../../src/sources/historical-klines.js';
import type { Sandbox } from '../../src/sources/sandbox/index.js';
import { TEST_KEY } from './process-world.js';

const PAGE = 1000;
const RETENTION = { maxAgeMs: Number.MAX_SAFE_INTEGER, perCollectorMax: Number.MAX_SAFE_INTEGER };

export async function storedRecords(
  path: string,
  collector: string,
): Promise<readonly StoredRecord[]> {
  const sink = await sqliteRecordSink({ path, retention: RETENTION });
  try {
    const records: StoredRecord[] = [];
    for (;;) {
      const after = records.at(-1)?.sequence ?? 0;
      const page = await sink.query({ collector, after, limit: PAGE, order: 'oldest' });
      records.push(...page);
      if (page.length === 0) return records;
    }
  } finally {
    await sink.close();
  }
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url, { headers: { 'x-api-key': TEST_KEY } });
  if (response.ok) return response.json();
  throw new Error(`${url}: ${String(response.status)} ${await response.text()}`);
}

export type Bars = {
  readonly symbol: string;
  readonly interval: Interval;
  /** Open times: [from, to). */
  readonly from: number;
  readonly to: number;
};

/** The records that these closed bars make. */
export async function barsUpstream(
  sandbox: Sandbox,
  { symbol, interval, from, to }: Bars,
): Promise<ReadonlyMap<RecordId, unknown>> {
  const base = sandbox.upstreamUrl('binance');
  const found = new Map<RecordId, unknown>();
  for (let next = from; next < to;) {
    const range = `startTime=${String(next)}&endTime=${String(to - 1)}&limit=1000`;
    const url = `${base}/api/v3/klines?symbol=${symbol}&interval=${interval}&${range}`;
    const rows = (await json(url)) as readonly Kline[];
    for (const row of rows) {
      const { id, data } = klineRecord(symbol, interval, row);
      found.set(id, data);
    }
    const last = rows.at(-1);
    if (last === undefined) break;
    next = last[0] + 1;
  }
  return found;
}

type TransferPage = {
  readonly cursor: string | null;
  readonly result: readonly {
    readonly transaction_hash: string;
    readonly log_index: number;
    readonly block_number: string;
    readonly value: string;
  }[];
};

/** Ids and values of all transfers of a token or wallet up to a block. */
export async function transfersUpstream(
  sandbox: Sandbox,
  path: string,
  toBlock: number,
): Promise<ReadonlyMap<RecordId, unknown>> {
  const base = `${sandbox.upstreamUrl('moralis')}${path}`;
  const found = new Map<RecordId, unknown>();
  let cursor = '';
  do {
    const range = `chain=eth&order=ASC&limit=100&to_block=${String(toBlock)}`;
    const page = (await json(`${base}?${range}&cursor=${cursor}`)) as TransferPage;
    for (const row of page.result) {
      const id = `erc20_transfer:eth:${row.transaction_hash}:${String(row.log_index)}`;
      found.set(id, row.value);
    }
    cursor = page.cursor ?? '';
  } while (cursor !== '');
  return found;
}

/** Every record of the upstream is stored once, as it is there, and nothing else is within the range. */
export function objectionsToRecords(
  what: string,
  stored: readonly { readonly id: RecordId; readonly content: unknown }[],
  upstream: ReadonlyMap<RecordId, unknown>,
): readonly string[] {
  const byId = new Map(stored.map(({ id, content }) => [id, content]));
  const some = (problem: string, ids: readonly RecordId[]): readonly string[] =>
    ids.length === 0
      ? []
      : [`${what}: ${String(ids.length)} ${problem}, e.g. ${ids.slice(0, 3).join(', ')}`];
  const missing = [...upstream.keys()].filter((id) => !byId.has(id));
  const strange = [...byId.keys()].filter((id) => !upstream.has(id));
  const other = [...upstream].filter(
    ([id, content]) => byId.has(id) && !isDeepStrictEqual(byId.get(id), content),
  );
  return [
    ...(upstream.size === 0 ? [`${what}: the upstream has nothing`] : []),
    ...some('records missing', missing),
    ...some('records the upstream does not have', strange),
    ...some(
      'records not as they are upstream',
      other.map(([id]) => id),
    ),
    ...(byId.size === stored.length
      ? []
      : [`${what}: ${String(stored.length - byId.size)} records twice`]),
  ];
}
