/** Reading: pages, filters, heads, live subscriptions. */
import { expect, it } from 'vitest';
import { PAGE_EVENTS_MAX } from '../../src/journal/limits.js';
import type { Journal, Page } from '../../src/journal/port.js';
import { JournalClosed, NO_STREAM } from '../../src/journal/port.js';
import { newEvent, newEvents } from '../support/journal.js';

/** Ten events in five streams of three categories, interleaved. */
async function fill(journal: Journal): Promise<void> {
  const streams = ['a-1', 'b-1', 'a-2', 'c', 'b-2.x'];
  for (const round of [0, 1]) {
    for (const stream of streams) {
      await journal.append(stream, round - 1, [newEvent(`${stream}/${String(round)}`)]);
    }
  }
}

const ids = (page: { readonly events: Page['events'] }): readonly string[] =>
  page.events.map(({ metadata }) => metadata.eventId);

/** Takes pages until `count` events were seen. */
async function take(pages: AsyncIterable<Page>, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const page of pages) {
    seen.push(...ids(page));
    if (seen.length >= count) break;
  }
  return seen;
}

export function readContract(journal: () => Journal): void {
  it('reads a stream in pages', async () => {
    await journal().append('a-1', NO_STREAM, newEvents('x', 5));
    const first = await journal().read('a-1', 0, 2);
    expect([ids(first), first.atEnd]).toEqual([['x-0', 'x-1'], false]);
    const last = await journal().read('a-1', 3, 10);
    expect([ids(last), last.atEnd]).toEqual([['x-3', 'x-4'], true]);
    expect(await journal().read('a-1', 5, 10)).toEqual({ events: [], atEnd: true });
    expect(await journal().read('a-1', 99, 10)).toEqual({ events: [], atEnd: true });
    expect(await journal().read('none', 0, 10)).toEqual({ events: [], atEnd: true });
  });

  it('never gives more than a full page, whatever is asked for', async () => {
    for (const batch of [0, 1, 2]) {
      const expected = batch * 400 - 1;
      await journal().append('a-1', expected, newEvents(`b${String(batch)}`, 400));
    }
    const all = await journal().readAll(0, {}, Number.MAX_SAFE_INTEGER);
    expect(all.events).toHaveLength(PAGE_EVENTS_MAX);
    expect([all.next, all.atEnd]).toEqual([PAGE_EVENTS_MAX, false]);
    const stream = await journal().read('a-1', 0, Number.MAX_SAFE_INTEGER);
    expect([stream.events.length, stream.atEnd]).toEqual([PAGE_EVENTS_MAX, false]);
    expect((await journal().readAll(0, {}, 0)).events).toHaveLength(1);
  });

  it('reads the whole journal in pages, in the order of positions', async () => {
    await fill(journal());
    const seen: string[] = [];
    let after = 0;
    for (;;) {
      const page = await journal().readAll(after, {}, 3);
      seen.push(...ids(page));
      expect(page.next).toBeGreaterThan(after);
      after = page.next;
      if (page.atEnd) break;
    }
    const streams = ['a-1', 'b-1', 'a-2', 'c', 'b-2.x'];
    expect(seen).toEqual([...streams.map((s) => `${s}/0`), ...streams.map((s) => `${s}/1`)]);
    expect(await journal().readAll(after, {}, 3)).toEqual({ events: [], next: 10, atEnd: true });
  });

  it('filters by category, and tells how far it looked', async () => {
    await fill(journal());
    const only = await journal().readAll(0, { categories: ['b'] }, 100);
    expect(ids(only)).toEqual(['b-1/0', 'b-2.x/0', 'b-1/1', 'b-2.x/1']);
    expect([only.next, only.atEnd]).toEqual([10, true]);
    const two = await journal().readAll(0, { categories: ['c', 'a'] }, 2);
    expect([ids(two), two.next, two.atEnd]).toEqual([['a-1/0', 'a-2/0'], 3, false]);
    const none = await journal().readAll(0, { categories: ['zzz'] }, 100);
    expect(none).toEqual({ events: [], next: 10, atEnd: true });
    expect(ids(await journal().readAll(0, { categories: [] }, 100))).toEqual([]);
  });

  it('answers a position past the end with nothing and goes nowhere', async () => {
    await fill(journal());
    expect(await journal().readAll(50, {}, 10)).toEqual({ events: [], next: 50, atEnd: true });
    const filtered = await journal().readAll(50, { categories: ['a'] }, 10);
    expect(filtered).toEqual({ events: [], next: 50, atEnd: true });
  });

  it('lists streams with their heads, by name, by category and in pages', async () => {
    await fill(journal());
    const names = async (category?: string, after?: string, limit = 100): Promise<string[]> =>
      (await journal().streams(category, after, limit)).map(({ stream }) => stream);
    expect(await names()).toEqual(['a-1', 'a-2', 'b-1', 'b-2.x', 'c']);
    expect(await names('b')).toEqual(['b-1', 'b-2.x']);
    expect(await names('c')).toEqual(['c']);
    expect(await names(undefined, undefined, 2)).toEqual(['a-1', 'a-2']);
    expect(await names(undefined, 'a-2', 2)).toEqual(['b-1', 'b-2.x']);
    const [first] = await journal().streams('a', undefined, 1);
    expect(first).toEqual(await journal().streamHead('a-1'));
    expect(await journal().head()).toBe(10);
  });

  it('a subscription sees everything once and in order: what was, then what comes', async () => {
    await fill(journal());
    const abort = new AbortController();
    const seen = take(journal().subscribe(4, {}, abort.signal), 46);
    for (let n = 0; n < 40; n += 1) {
      await journal().append('live-1', n - 1, [newEvent(`live/${String(n)}`)]);
    }
    const live = Array.from({ length: 40 }, (_, n) => `live/${String(n)}`);
    const before = ['b-2.x/0', 'a-1/1', 'b-1/1', 'a-2/1', 'c/1', 'b-2.x/1'];
    expect(await seen).toEqual([...before, ...live]);
    abort.abort();
  });

  it('a slow reader misses nothing and holds nobody up', async () => {
    const abort = new AbortController();
    const pages = journal().subscribe(0, {}, abort.signal)[Symbol.asyncIterator]();
    await journal().append('a-1', NO_STREAM, newEvents('first', 1));
    const seen: string[] = [];
    const first = await pages.next();
    if (first.done !== true) seen.push(...ids(first.value));
    for (let n = 0; n < 5; n += 1) {
      await journal().append('a-1', n * 500, newEvents(`batch${String(n)}`, 500));
    }
    while (seen.length < 2501) {
      const page = await pages.next();
      if (page.done !== true) seen.push(...ids(page.value));
    }
    const batches = [0, 1, 2, 3, 4].flatMap((b) =>
      Array.from({ length: 500 }, (_, n) => `batch${String(b)}-${String(n)}`),
    );
    expect(seen).toEqual(['first-0', ...batches]);
    abort.abort();
    expect((await pages.next()).done).toBe(true);
  });

  it('a filtered subscription tells that it passed what it did not want', async () => {
    const abort = new AbortController();
    const pages = journal().subscribe(0, { categories: ['b'] }, abort.signal);
    const iterator = pages[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await journal().append('a-1', NO_STREAM, newEvents('x', 2));
    expect((await waiting).value).toEqual({ events: [], next: 2, atEnd: true });
    abort.abort();
    expect((await iterator.next()).done).toBe(true);
  });

  it('aborting ends a subscription that waits', async () => {
    const abort = new AbortController();
    const waiting = journal().subscribe(0, {}, abort.signal)[Symbol.asyncIterator]().next();
    abort.abort();
    expect((await waiting).done).toBe(true);
    const late = journal().subscribe(0, {}, abort.signal)[Symbol.asyncIterator]().next();
    expect((await late).done).toBe(true);
  });

  it('closing the journal fails a subscription that waits', async () => {
    const { signal } = new AbortController();
    const open = journal();
    await open.append('a-1', NO_STREAM, newEvents('x', 1));
    const pages = open.subscribe(0, {}, signal)[Symbol.asyncIterator]();
    await pages.next();
    const waiting = pages.next();
    const failed = expect(waiting).rejects.toThrow(JournalClosed);
    await open.close();
    await failed;
  });
}
