/** A source is somebody else's code: whatever it does, its run ends, typed and bounded. */
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import {
  CURSOR_CHARS_MAX,
  GAPS_PER_PAGE_MAX,
  RECORDS_PER_PAGE_MAX,
} from '../../src/actors/collector/page-check.js';
import {
  ABANDON_AFTER_MS,
  REQUESTS_WITHOUT_PAGE_MAX,
  SILENT_MAX_MS,
} from '../../src/actors/collector/watch.js';
import type { RequestFailure, SourcePage } from '../../src/sources/port.js';
import { CALL, profile } from '../support/door-bench.js';
import {
  byOperator,
  engineBench,
  onePage,
  pageOf,
  until,
  type Collect,
  type EngineBench,
} from '../support/door-engine.js';
import { answered } from '../support/door-transport.js';

const schema = Type.Unknown();
const PRIMARY = { profile, scope: 'scope', allowLoopback: false, keys: {}, missingKeys: [] };
const never = new Promise<never>(() => undefined);

/** The end of its first run. */
async function endOf(
  collect: Collect,
): Promise<{ readonly end: object; readonly bench: EngineBench }> {
  const bench = await engineBench({ collect });
  await until(
    bench,
    () => bench.facts('RunFailed').length + bench.facts('RunSucceeded').length > 0,
  );
  const [end = {}] = [...bench.facts('RunFailed'), ...bench.facts('RunSucceeded')];
  return { end, bench };
}

/** Yields this as if it were a page. */
const yields = (page: unknown): Collect =>
  async function* () {
    yield (await Promise.resolve(page)) as SourcePage;
    return undefined;
  };
const returns = (end: unknown): Collect =>
  async function* (context) {
    yield pageOf(1, context.now());
    return (await Promise.resolve(end)) as RequestFailure;
  };
const record = { id: 'a', kind: 'k', series: 's', at: 1, data: {} };
const withRecord = (more: object): Collect =>
  yields({ series: 's', cursor: 1, records: [{ ...record, ...more }] });
const round: { self?: unknown } = {};
round.self = round;

describe('a source', () => {
  it.each<[string, Collect]>([
    ['yields nothing at all', yields(undefined)],
    ['yields a page without a series', yields({ records: [], cursor: 1 })],
    ['yields a page without records', yields({ series: 's', cursor: 1 })],
    ['yields a page without a cursor', yields({ series: 's', records: [] })],
    ['yields a cursor that is no JSON', yields({ series: 's', records: [], cursor: 1n })],
    ['yields a cursor that is a circle', yields({ series: 's', records: [], cursor: round })],
    [
      'yields a huge cursor',
      yields({ series: 's', records: [], cursor: 'x'.repeat(CURSOR_CHARS_MAX) }),
    ],
    ['yields a series that is no key', yields({ series: '__proto__', records: [], cursor: 1 })],
    ['yields gaps that are none', yields({ series: 's', records: [], cursor: 1, gaps: [{}] })],
    [
      'yields too many gaps',
      yields({
        series: 's',
        records: [],
        cursor: 1,
        gaps: new Array(GAPS_PER_PAGE_MAX + 1).fill({}),
      }),
    ],
    [
      'yields a million records in a page',
      yields({ series: 's', cursor: 1, records: new Array(1_000_000).fill(record) }),
    ],
    ['yields a record without an id', withRecord({ id: '' })],
    ['yields a record whose time is no time', withRecord({ at: Number.NaN })],
    ['yields a record whose data is a list', withRecord({ data: [] })],
    ['yields a record with what JSON has not', withRecord({ data: { n: 1n } })],
    ['yields a record with what is not a number', withRecord({ data: { n: Number.NaN } })],
    ['yields a record that is a date', withRecord({ data: { n: new Date(0) } })],
    ['yields a record that is a circle', withRecord({ data: round })],
    ['yields null for a record', yields({ series: 's', cursor: 1, records: [null] })],
    ['returns something else than a failure', returns({ done: 'yes' })],
    ['returns a reply that went well', returns({ ok: true, body: 1, status: 200 })],
    ['returns a failure of a class that is none', returns({ ok: false, outcome: 'sad' })],
    ['returns half a failure', returns({ ok: false, outcome: 'server', message: 1 })],
    [
      'throws what has no text',
      async function* (context) {
        yield await Promise.resolve(pageOf(1, context.now()));
        throw Object.create(null) as Error;
      },
    ],
    [
      'asks an upstream it has not',
      async function* (context) {
        await context.request(CALL, { path: '/', schema, upstream: 'elsewhere' });
        yield pageOf(1, 1);
        return undefined;
      },
    ],
    [
      'asks for a path outside its upstream',
      async function* (context) {
        await context.request(CALL, { path: '/../x', schema });
        yield pageOf(1, 1);
        return undefined;
      },
    ],
  ])('R5: that %s has crashed that run; the next begins', async (_what, collect) => {
    const { end, bench } = await endOf(collect);
    expect(end).toMatchObject({ outcome: 'crashed', message: expect.any(String) as string });
    expect(JSON.stringify(end).length).toBeLessThan(1000);
    await until(bench, () => bench.facts('RunStarted').length > 1);
    expect(bench.member.handle.quarantined()).toBeUndefined();
  });

  it('R5: may yield as many records as a page may have, and no more', async () => {
    const many = (count: number): Collect =>
      yields({
        series: 's',
        cursor: 1,
        records: Array.from({ length: count }, (_, n) => ({ ...record, id: String(n) })),
      });
    expect((await endOf(many(RECORDS_PER_PAGE_MAX))).end).toMatchObject({
      records: RECORDS_PER_PAGE_MAX,
    });
    const { end, bench } = await endOf(many(RECORDS_PER_PAGE_MAX + 1));
    expect(end).toMatchObject({
      outcome: 'crashed',
      message: expect.stringContaining('20001') as string,
    });
    expect(bench.records.records.get('one')?.size ?? 0).toBe(0);
  });

  it('that yields nothing and returns has succeeded with nothing', async () => {
    const { end } = await endOf(async function* () {
      await Promise.resolve();
      if (Number.isNaN(0)) yield pageOf(1, 1);
      return undefined;
    });
    expect(end).not.toHaveProperty('outcome');
    expect(end).not.toHaveProperty('records');
  });

  it('W1: that hangs without the door is given up; the next run begins, the end of the process too', async () => {
    let runs = 0;
    const bench = await engineBench({
      async *collect(context) {
        runs += 1;
        if (runs === 1) await never;
        return yield* onePage(context);
      },
    });
    await until(bench, () => bench.facts('RunStarted').length === 1);
    await until(bench, () => bench.facts('RunFailed').length === 1);
    expect(bench.facts('RunFailed')).toMatchObject([
      { outcome: 'crashed', durationMs: SILENT_MAX_MS },
    ]);
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    expect(bench.member.runtime.inFlight()).toBe(0);
  });

  it('W1: is not given up while an upstream is slow, or a permit is waited for', async () => {
    const bench = await engineBench();
    let answer: () => void = () => undefined;
    bench.wire.send = () =>
      new Promise((resolve) => {
        answer = () => {
          resolve(answered(200));
        };
      });
    await until(bench, () => bench.facts('RunStarted').length === 1);
    await bench.clock.advance(3 * SILENT_MAX_MS);
    expect(bench.facts('RunFailed')).toEqual([]);
    answer();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
  });

  it('W1: that hangs while it tidies up is given up with what it came to', async () => {
    const bench = await engineBench({
      async *collect(context) {
        try {
          yield { ...pageOf(1, context.now()), series: '' };
          return undefined;
        } finally {
          await never;
        }
      },
    });
    await until(bench, () => bench.facts('RunFailed').length > 0);
    expect(bench.facts('RunFailed')[0]).toMatchObject({
      message: expect.stringContaining('series') as string,
    });
  });

  it('W2: that ignores its abort is given up soon after, so that the engine stops', async () => {
    const bench = await engineBench({
      async *collect(context) {
        await never;
        yield pageOf(1, context.now());
        return undefined;
      },
    });
    await until(bench, () => bench.facts('RunStarted').length === 1);
    const stopped = { is: false };
    const stopping = bench.engine.stop().then(() => {
      stopped.is = true;
    });
    await bench.clock.advance(5000 + ABANDON_AFTER_MS - 100);
    expect(stopped.is).toBe(false);
    await bench.clock.advance(1000);
    await stopping;
    expect(bench.facts('RunUnknown')).toMatchObject([{ cause: 'drain deadline' }]);
  });

  it('W3: that asks on and on without a wait is stopped; the node goes on meanwhile', async () => {
    let asked = 0;
    const bench = await engineBench({
      async *collect(context) {
        // What it gets is refused at once, each time: nothing here ever waits.
        for (;;) {
          asked += 1;
          const reply = await context.request(CALL, { path: '/', schema, upstream: 'second' });
          if (reply.ok) yield pageOf(1, context.now());
        }
      },
      setup: { upstreams: { primary: PRIMARY, second: { ...PRIMARY, missingKeys: ['A_KEY'] } } },
    });
    await until(bench, () => bench.facts('RunFailed').length > 0);
    expect(bench.facts('RunFailed')[0]).toMatchObject({ outcome: 'crashed' });
    expect(asked).toBe(bench.facts('RunFailed').length * (REQUESTS_WITHOUT_PAGE_MAX + 1));
    await bench.clock.advance(SILENT_MAX_MS);
    expect(bench.wire.sent).toEqual([]);
  });

  it('that goes on after its end reaches nothing: its requests are answered no more', async () => {
    let late: Promise<unknown> = never;
    const bench = await engineBench({
      async *collect(context) {
        yield await Promise.resolve(pageOf(1, context.now()));
        const asks = async (): Promise<unknown> => {
          await new Promise((resolve) =>
            bench.clock.after(30_000, () => {
              resolve(0);
            }),
          );
          return context.request(CALL, { path: '/', schema });
        };
        late = asks();
        return undefined;
      },
    });
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    let isAnswered = false;
    void late.then(() => {
      isAnswered = true;
    });
    await bench.engine.disable('one', {}, byOperator());
    await bench.clock.advance(60_000);
    expect(isAnswered).toBe(false);
    expect(bench.wire.sent).toEqual([]);
  });
});
