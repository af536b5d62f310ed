/** What may be stored: it comes back exactly, or it is refused by name. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CHAIN_START, verifyEvents } from '../../src/journal/chain.js';
import type { Journal, NewEvent } from '../../src/journal/port.js';
import { EventTooLarge, InvalidEvent, NO_STREAM } from '../../src/journal/port.js';
import type { Json, JsonObject } from '../../src/kernel/types.js';
import { newEvent, readWhole } from '../support/journal.js';

function nested(levels: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 1; level < levels; level += 1) value = { in: value };
  return value;
}

const hasMinusZero = (value: unknown): boolean =>
  Object.is(value, -0) ||
  (typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero));

export function contentContract(journal: () => Journal): void {
  it('gives back unusual text exactly', async () => {
    const data = JSON.parse(
      '{"__proto__":{"a":1},"constructor":"x","":"empty","\\ud800":"lone \\udfff",' +
        '"nul":"a\\u0000b","line":"\\u2028","quote":"\\"\\\\","10":1,"9":2,"é":"😀"}',
    ) as JsonObject;
    await journal().append('a-1', NO_STREAM, [newEvent('x-0', data)]);
    const events = await readWhole(journal(), 'a-1');
    expect(JSON.stringify(events[0]?.data)).toHaveLength(JSON.stringify(data).length);
    expect(events[0]?.data).toEqual(data);
    expect(Object.hasOwn(events[0]?.data ?? {}, '__proto__')).toBe(true);
    expect(verifyEvents(CHAIN_START, events)).toBeUndefined();
  });

  it('gives back any JSON exactly, whatever the order of its members', async () => {
    let revision = NO_STREAM;
    const json = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 }));
    await fc.assert(
      fc.asyncProperty(json, async (data) => {
        fc.pre(!hasMinusZero(data));
        const event = newEvent(`e-${String(revision + 1)}`, data as JsonObject);
        await journal().append('a-1', revision, [event]);
        revision += 1;
        const [stored] = (await journal().read('a-1', revision, 1)).events;
        expect(stored?.data).toEqual(data);
      }),
      { numRuns: 100 },
    );
    expect(verifyEvents(CHAIN_START, await readWhole(journal(), 'a-1'))).toBeUndefined();
  });

  it('refuses what JSON cannot carry back, and names where it is', async () => {
    const bad: readonly unknown[] = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0,
      [undefined],
      new Date(0),
      new Map(),
      () => 1,
      1n,
      Symbol('s'),
      nested(70),
    ];
    for (const value of bad) {
      const data = { rate: value as Json };
      const attempt = journal().append('a-1', NO_STREAM, [newEvent('x', data)]);
      await expect(attempt).rejects.toThrow(InvalidEvent);
    }
    const named = journal().append('a-1', NO_STREAM, [newEvent('x', { rate: Number.NaN })]);
    await expect(named).rejects.toThrow(/NaN at rate/);
    expect(await journal().head()).toBe(0);
  });

  it('takes 64 levels of nesting and not one more', async () => {
    expect(await journal().append('a-1', NO_STREAM, [newEvent('x', nested(64))])).toMatchObject({
      kind: 'appended',
    });
    const deeper = journal().append('a-1', 0, [newEvent('y', nested(65))]);
    await expect(deeper).rejects.toThrow(InvalidEvent);
    expect((await readWhole(journal(), 'a-1'))[0]?.data).toEqual(nested(64));
  });

  it('leaves absent members out', async () => {
    const event = newEvent('x', { kept: null });
    const reason = undefined as unknown as string;
    const loose: NewEvent = { ...event, metadata: { ...event.metadata, reason } };
    await journal().append('a-1', NO_STREAM, [loose]);
    const [stored] = await readWhole(journal(), 'a-1');
    expect(stored?.data).toEqual({ kept: null });
    expect(Object.keys(stored?.metadata ?? {})).not.toContain('reason');
  });

  it('gives back all of the metadata, with the two hashes', async () => {
    const event = newEvent('x');
    const full = { causationId: 'c', reason: 'why "so"', stateHash: 'ff', foldVersion: 3 };
    await journal().append('a-1', NO_STREAM, [
      { ...event, metadata: { ...event.metadata, ...full } },
    ]);
    const [stored] = await readWhole(journal(), 'a-1');
    expect(stored?.metadata).toMatchObject({ ...event.metadata, ...full });
    expect(stored?.metadata.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses an event and a batch that are too large, and stores neither', async () => {
    const large = newEvent('x', { text: 'x'.repeat(300 * 1024) });
    await expect(journal().append('a-1', NO_STREAM, [large])).rejects.toThrow(EventTooLarge);
    const many = Array.from({ length: 8 }, (_, n) =>
      newEvent(`x-${String(n)}`, { text: 'é'.repeat(100 * 1024) }),
    );
    await expect(journal().append('a-1', NO_STREAM, many)).rejects.toThrow(EventTooLarge);
    const tooMany = Array.from({ length: 513 }, (_, n) => newEvent(`x-${String(n)}`));
    await expect(journal().append('a-1', NO_STREAM, tooMany)).rejects.toThrow(EventTooLarge);
    expect(await journal().head()).toBe(0);
  });

  it('refuses names that a store would change', async () => {
    for (const stream of ['', 'a\u0000b', 'a-\ud800', `a-${'x'.repeat(200)}`, 'a\nb']) {
      const attempt = journal().append(stream, NO_STREAM, [newEvent('x')]);
      await expect(attempt).rejects.toThrow(InvalidEvent);
    }
    const empty = journal().append('a-1', NO_STREAM, []);
    await expect(empty).rejects.toThrow(InvalidEvent);
    const type = journal().append('a-1', NO_STREAM, [newEvent('x', {}, '')]);
    await expect(type).rejects.toThrow(InvalidEvent);
  });

  it('J6: nobody changes what is stored by changing what was read or appended', async () => {
    const inner = { n: 1 };
    await journal().append('a-1', NO_STREAM, [newEvent('x', { inner })]);
    inner.n = 2;
    const [first] = await readWhole(journal(), 'a-1');
    (first?.data as { inner: { n: number } }).inner.n = 3;
    expect((await readWhole(journal(), 'a-1'))[0]?.data).toEqual({ inner: { n: 1 } });
  });
}
