/** The last life: all faults gone, all collectors let loose; what they have in the end against the upstream. */
import { join } from 'node:path';
import type { StoredEvent } from '../../src/journal/port.js';
import { CLOSE_GRACE_MS, INTERVAL_MS, type Interval } from '../../src/sources/historical-klines.js';
import { blockAt } from '../../src/sources/sandbox/moralis-chain.js';
import { blocksOf, runsOpen } from './process-checks.js';
import { breakerReset, desired, rate } from './process-commands.js';
import { objectionsOnDisk, type Crash } from './process-crash.js';
import { backfillFrom, COLLECTORS, INTERVALS, SYMBOLS, TOKEN, WALLET } from './process-lives.js';
import { numberIn, ofStream, textIn } from './process-journal.js';
import { until } from './process-world.js';
import {
  barsUpstream,
  objectionsToRecords,
  storedRecords,
  transfersUpstream,
} from './process-upstream.js';

/** How long the backlog of a hundred lives may take. */
const PATIENCE_MS = 600_000;
const CATCH_UP_RATE = 40;

type Cursor = { readonly backfill?: unknown; readonly sweep?: unknown };

/** Lets the collectors catch up, then stops the service. Answers until when all must be there. */
export async function caughtUp(crash: Crash): Promise<number> {
  const { world, book, account, tally } = crash;
  world.sandbox.control.clearFaults();
  for (const { name } of COLLECTORS)
    tally[`requests of ${name} before the last life`] = account.seen(name);
  account.tail.release();
  const service = await world.start();
  for (const { name } of COLLECTORS) {
    for (const wish of [breakerReset(name), rate(name, CATCH_UP_RATE, 2), desired(name, true)]) {
      const command = book.send(wish);
      book.answer(command, await service.ask(wish.method, wish.path, wish.body, command.id));
    }
  }
  const now = Date.now();
  await until(
    'the collectors have caught up',
    () => COLLECTORS.every(({ name }) => isCaughtUp(account.tail.events(), name, now)),
    PATIENCE_MS,
  );
  const ended = await service.stop();
  if (ended.code !== 0) crash.objections.push(`the last life ended ${JSON.stringify(ended)}`);
  await world.quiet();
  return now;
}

/**
 * A run succeeded that began after that moment, with nothing owed of the past when it began and when it
 * ended: one that had an older sweep or backfill to finish has seen no newer rows, and one that found a
 * longer past to read may have read a part of it.
 */
function isCaughtUp(events: readonly StoredEvent[], collector: string, since: number): boolean {
  const cursors = new Map<string, Cursor>();
  const owesNothing = (): boolean =>
    [...cursors.values()].every(({ backfill, sweep }) => (backfill ?? sweep) === undefined);
  let clean: unknown;
  for (const { type, data } of ofStream(events, `collector-${collector}`)) {
    if (type === 'RunProgressed' || type === 'CursorSet') {
      cursors.set(textIn(data, 'series'), JSON.parse(textIn(data, 'cursor')) as Cursor);
    }
    if (type === 'RunStarted') {
      clean = owesNothing() && numberIn(data, 'atMs') > since ? data['run'] : undefined;
    }
    const isClean = clean !== undefined && data['run'] === clean;
    if (type === 'RunSucceeded' && isClean && owesNothing()) return true;
  }
  return false;
}

export async function objectionsAtEnd(
  crash: Crash,
  startedAt: number,
  lives: number,
  upTo: number,
): Promise<readonly string[]> {
  const { world, account, tally } = crash;
  const events = [...account.tail.events()];
  const open = COLLECTORS.flatMap(({ name }) => [
    ...runsOpen(events, name),
    ...(blocksOf(events, name).open === 0 ? [] : [`${name} has open blocks after a clean stop`]),
  ]);
  for (const { name } of COLLECTORS) {
    tally[`requests of ${name}`] = account.seen(name);
    tally[`leave of ${name}`] = account.leave(name);
    tally[`calls reserved by ${name}`] = account.reserved(name);
  }
  const from = backfillFrom(startedAt, lives);
  const disk = await objectionsOnDisk(crash);
  const path = join(world.dataDir, 'records.db');
  const transfers = await objectionsToTransfers(crash, path, upTo);
  const series: readonly Series[] = [
    ...SYMBOLS.flatMap((symbol) =>
      INTERVALS.map((interval) => ({ collector: 'historical', symbol, interval, from })),
    ),
    { collector: 'bars', symbol: 'SOLUSDT', interval: '5m', from: undefined },
  ];
  const bars: string[] = [];
  for (const one of series) bars.push(...(await objectionsToBars(crash, one, upTo)));
  return [...open, ...disk, ...bars, ...transfers];
}

type Series = {
  readonly collector: string;
  readonly symbol: string;
  readonly interval: Interval;
  /** Without a beginning: from the oldest bar that is stored. */
  readonly from: number | undefined;
};

async function objectionsToBars(
  { world, tally }: Crash,
  { collector, symbol, interval, from }: Series,
  upTo: number,
): Promise<readonly string[]> {
  const length = INTERVAL_MS[interval];
  const series = `${symbol}/${interval}`;
  const records = await storedRecords(join(world.dataDir, 'records.db'), collector);
  const opens = (data: unknown): number =>
    numberIn(data as Record<string, unknown>, 'open_time_ms');
  const own = records.filter((record) => record.series === series);
  const to = Math.floor((upTo - CLOSE_GRACE_MS) / length) * length;
  const first = from ?? Math.min(...own.map(({ data }) => opens(data)));
  const begin = Math.ceil(first / length) * length;
  const within = own.filter(({ data }) => opens(data) < to);
  const upstream = await barsUpstream(world.sandbox, { symbol, interval, from: begin, to });
  tally['bars'] = (tally['bars'] ?? 0) + upstream.size;
  const stored = within.map(({ id, data }) => ({ id, content: data }));
  return objectionsToRecords(`${collector} ${series}`, stored, upstream);
}

async function objectionsToTransfers(
  { world, tally }: Crash,
  path: string,
  upTo: number,
): Promise<readonly string[]> {
  const block = blockAt(upTo);
  const records = await storedRecords(path, 'moralis');
  const objections: string[] = [];
  for (const [series, url] of [
    [`transfers/token/${TOKEN}`, `/erc20/${TOKEN}/transfers`],
    [`transfers/wallet/${WALLET}`, `/${WALLET}/erc20/transfers`],
  ] as const) {
    const upstream = await transfersUpstream(world.sandbox, url, block);
    const stored = records
      .filter(
        (record) => record.series === series && numberIn(record.data, 'block_number') <= block,
      )
      .map(({ id, data }) => ({ id, content: data['value'] }));
    tally['transfers'] = (tally['transfers'] ?? 0) + upstream.size;
    objections.push(...objectionsToRecords(series, stored, upstream));
  }
  return objections;
}

/** The numbers of the whole test, for people. */
export function report(crash: Crash, seed: number): void {
  const { book, account, lives, tally } = crash;
  const outcomes: Record<string, number> = {};
  for (const { outcome } of book.commands) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const events = account.tail.events();
  const cursorsSet = events.filter(({ type }) => type === 'CursorSet').length;
  const trips = events.filter(({ type }) => type === 'BreakerTripped').length;
  const numbers = { seed, lives, commands: outcomes, events: events.length, cursorsSet, trips };
  account.tail.release();
  console.log(JSON.stringify({ ...numbers, ...tally }, null, 1));
}
