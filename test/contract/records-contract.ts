/**
 * What every RecordSink must do. Sinks run this suite unchanged: it takes no options, so a difference
 * between stores cannot hide in a parameter. (Sinks that deliver at least once run it without K3.)
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CollectedRecord } from '../../src/kernel/record.js';
import { DAY_MS } from '../../src/kernel/time.js';
import {
  SinkUnavailable,
  type EvidenceStore,
  type RecordPage,
  type RecordSink,
} from '../../src/records/port.js';
import type { Evidence } from '../../src/records/index.js';

export type SinkUnderTest = RecordSink &
  EvidenceStore & { evidence(sha256: string): Promise<readonly Evidence[]> };

/** A disk that sinks are opened over, one after the other. Retention: 30 days, 20 per collector. */
export type SinkBench = {
  readonly open: () => Promise<SinkUnderTest>;
  /** Makes the disk full, or free again, for the open sink. */
  readonly setFull: (isFull: boolean) => Promise<void>;
  readonly dispose: () => Promise<void>;
};

export const BENCH_RETENTION = { maxAgeMs: 30 * DAY_MS, perCollectorMax: 20 };

const NOW = Date.UTC(2026, 0, 15, 12);

function kline(id: string, close = '1.0', series = 'BTCUSDT/1m'): CollectedRecord {
  return { id, kind: 'kline', series, at: NOW - 60_000, data: { close, volume: 2.5 } };
}

function page(ordinal: number, records: readonly CollectedRecord[], more = {}): RecordPage {
  const where = { collector: 'historical', run: 'r1', series: 'BTCUSDT/1m' };
  const cursor = `{"from":${String(ordinal)}}`;
  return { ...where, records, cursor, ordinal, collectedAt: NOW, ...more };
}

const all = { collector: 'historical', limit: 100, order: 'oldest' } as const;

export function recordsContract(name: string, bench: () => Promise<SinkBench>): void {
  describe(`records: ${name}`, () => {
    let disk: SinkBench;
    let sink: SinkUnderTest;
    beforeEach(async () => {
      disk = await bench();
      sink = await disk.open();
    });
    afterEach(async () => {
      await sink.close();
      await disk.dispose();
    });
    const reopen = async (): Promise<void> => {
      await sink.close();
      sink = await disk.open();
    };

    it('K1: has what was written after it was opened again', async () => {
      expect(await sink.write(page(1, [kline('a'), kline('b')]))).toEqual({ added: 2, changed: 0 });
      await reopen();
      expect((await sink.query(all)).map(({ id }) => id)).toEqual(['a', 'b']);
      expect(await sink.count('historical')).toBe(2);
    });

    it('answers records as they were given, with collector, time and sequence', async () => {
      await sink.write(page(1, [kline('a')]));
      const [stored] = await sink.query(all);
      const { sequence, ...rest } = stored ?? { sequence: 0 };
      expect(rest).toEqual({ ...kline('a'), collector: 'historical', collectedAt: NOW });
      expect(sequence).toBeGreaterThan(0);
    });

    it('K2: stores the cursor with its page', async () => {
      await sink.write(page(1, [kline('a')]));
      await sink.write(page(2, []));
      await sink.write(page(1, [kline('x')], { series: 'ETHUSDT/1m', cursor: '"e"' }));
      await reopen();
      expect(await sink.positions('historical')).toEqual([
        { series: 'BTCUSDT/1m', cursor: '{"from":2}', ordinal: 2 },
        { series: 'ETHUSDT/1m', cursor: '"e"', ordinal: 1 },
      ]);
      expect(await sink.positions('moralis')).toEqual([]);
    });

    it('never moves a position back by a page that is told again, only by hand', async () => {
      await sink.write(page(2, [kline('b')]));
      await sink.write(page(1, [kline('a')]));
      expect((await sink.positions('historical'))[0]?.ordinal).toBe(2);
      const back = { series: 'BTCUSDT/1m', cursor: '"start"', ordinal: 0 };
      await sink.setPosition('historical', back);
      expect(await sink.positions('historical')).toEqual([back]);
    });

    it('K3: keeps one record per id, and says so', async () => {
      await sink.write(page(1, [kline('a'), kline('b')]));
      expect(await sink.write(page(1, [kline('a'), kline('b')]))).toEqual({ added: 0, changed: 0 });
      expect(await sink.write(page(2, [kline('c'), kline('c')]))).toEqual({ added: 1, changed: 0 });
      expect(await sink.count('historical')).toBe(3);
    });

    it('K3: tells the same id of two collectors apart', async () => {
      await sink.write(page(1, [kline('a')]));
      const other = page(1, [kline('a', '9')], { collector: 'other' });
      expect(await sink.write(other)).toEqual({ added: 1, changed: 0 });
      expect(await sink.count('other')).toBe(1);
    });

    it('keeps the newer content of a changed record, for readers who are already past it', async () => {
      await sink.write(page(1, [kline('a', '1.0'), kline('b')]));
      const seen = (await sink.query(all)).at(-1)?.sequence ?? 0;
      expect(await sink.write(page(2, [kline('a', '1.1')]))).toEqual({ added: 0, changed: 1 });
      const news = await sink.query({ ...all, after: seen });
      expect(news.map(({ id, data }) => [id, data.close])).toEqual([['a', '1.1']]);
      expect(await sink.count('historical')).toBe(2);
    });

    it('is not deceived by another order of the same members', async () => {
      const one = { ...kline('a'), data: { x: 1, y: { p: 1, q: 2 } } };
      const two = { ...kline('a'), data: { y: { q: 2, p: 1 }, x: 1 } };
      await sink.write(page(1, [one]));
      expect(await sink.write(page(2, [two]))).toEqual({ added: 0, changed: 0 });
    });

    it('answers oldest or newest first, after a sequence, since a time, of one series, bounded', async () => {
      await sink.write(page(1, [kline('a')], { collectedAt: NOW - 1000 }));
      await sink.write(page(2, [kline('b'), kline('c')]));
      await sink.write(page(1, [kline('e', '1', 'ETH')], { series: 'ETH' }));
      const ids = async (more: object): Promise<string[]> =>
        (await sink.query({ ...all, ...more })).map(({ id }) => id);
      const [first] = await sink.query(all);
      expect(await ids({})).toEqual(['a', 'b', 'c', 'e']);
      expect(await ids({ order: 'newest', limit: 2 })).toEqual(['e', 'c']);
      expect(await ids({ after: first?.sequence ?? 0 })).toEqual(['b', 'c', 'e']);
      expect(await ids({ since: NOW })).toEqual(['b', 'c', 'e']);
      expect(await ids({ series: 'ETH' })).toEqual(['e']);
      expect(await ids({ series: 'BTCUSDT/1m', order: 'newest', limit: 1 })).toEqual(['c']);
      expect(await ids({ limit: 0 })).toEqual([]);
      expect(await ids({ limit: -1 })).toEqual([]);
      expect(await ids({ collector: 'nobody' })).toEqual([]);
    });

    it('prunes what is too old, then the oldest beyond the maximum, and counts what is left', async () => {
      await sink.write(page(1, [kline('old')], { collectedAt: NOW - 31 * DAY_MS }));
      await sink.write(page(2, [kline('young')], { collectedAt: NOW - 29 * DAY_MS }));
      expect(await sink.prune(NOW)).toBe(1);
      expect((await sink.query(all)).map(({ id }) => id)).toEqual(['young']);
      const many = Array.from({ length: 24 }, (_, n) => kline(`n${String(n)}`));
      await sink.write(page(3, many));
      expect(await sink.prune(NOW)).toBe(5);
      expect(await sink.count('historical')).toBe(20);
      expect((await sink.query(all)).at(0)?.id).toBe('n4');
      expect(await sink.prune(NOW)).toBe(0);
      expect((await sink.positions('historical'))[0]?.ordinal).toBe(3);
    });

    it('never gives a sequence again, not even after everything was pruned', async () => {
      await sink.write(page(1, [kline('a')], { collectedAt: NOW - 40 * DAY_MS }));
      const before = (await sink.query(all))[0]?.sequence ?? 0;
      await sink.prune(NOW);
      await reopen();
      await sink.write(page(2, [kline('b')]));
      expect((await sink.query(all))[0]?.sequence).toBeGreaterThan(before);
    });

    it('stores nothing of a page on a full disk, still reads, and recovers when there is room', async () => {
      await sink.write(page(1, [kline('a')]));
      await disk.setFull(true);
      const big = Array.from({ length: 500 }, (_, n) => kline(`big${String(n)}`, 'x'.repeat(2000)));
      await expect(sink.write(page(2, big))).rejects.toThrow(SinkUnavailable);
      expect(await sink.count('historical')).toBe(1);
      expect((await sink.positions('historical'))[0]?.ordinal).toBe(1);
      await disk.setFull(false);
      expect(await sink.write(page(2, big))).toEqual({ added: 500, changed: 0 });
    });

    it('keeps evidence for seven days, cut to its first 4 KiB', async () => {
      const evidence = { collector: 'moralis', endpoint: '/erc20', bytes: 9000, at: NOW };
      await sink.keep({ ...evidence, sha256: 'aa', head: 'x'.repeat(9000) });
      await sink.keep({ ...evidence, sha256: 'bb', head: '<html>', at: NOW - 8 * DAY_MS });
      const [kept] = await sink.evidence('aa');
      expect(kept).toEqual({ ...evidence, sha256: 'aa', head: 'x'.repeat(4096) });
      await sink.prune(NOW);
      expect(await sink.evidence('bb')).toEqual([]);
      expect(await sink.evidence('aa')).toHaveLength(1);
    });

    it('answers many writers at once, each with its own result', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          sink.write(page(1, [kline(`r${String(n)}`)], { series: `s${String(n)}` })),
        ),
      );
      expect(results).toEqual(Array.from({ length: 50 }, () => ({ added: 1, changed: 0 })));
      expect(await sink.count('historical')).toBe(50);
      expect(await sink.positions('historical')).toHaveLength(50);
    });

    it('refuses to work once it is closed', async () => {
      await sink.close();
      await expect(sink.write(page(1, []))).rejects.toThrow(SinkUnavailable);
      await sink.close();
    });
  });
}
