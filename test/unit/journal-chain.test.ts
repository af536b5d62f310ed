import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHAIN_START, FIRST_PREV_HASH, sealEvents, verifyEvents } from '../../src/journal/chain.js';
import { memoryJournal } from '../../src/journal/journal.memory.js';
import type { StoredEvent } from '../../src/journal/port.js';
import { canonicalJson, sha256Hex } from '../../src/kernel/canonical.js';
import { newEvent, newEvents } from '../support/journal-events.js';

async function stored(count: number): Promise<readonly StoredEvent[]> {
  const { journal } = memoryJournal();
  await journal.append('a-1', -1, newEvents('x', count));
  return (await journal.read('a-1', 0, 100)).events;
}

describe('the hash chain', () => {
  it('hashes the canonical JSON of stream, revision, type, data and metadata without the hash', () => {
    const [sealed] = sealEvents('a-1', -1, FIRST_PREV_HASH, [newEvent('x', { b: 1, a: [true] })]);
    const { metadata } = newEvent('x');
    const object = {
      stream: 'a-1',
      revision: 0,
      type: 'Happened',
      data: { a: [true], b: 1 },
      metadata: { ...metadata, prevHash: FIRST_PREV_HASH },
    };
    expect(sealed?.hash).toBe(sha256Hex(canonicalJson(object)));
    expect(sealed?.metadata).toBe(canonicalJson(object.metadata));
  });

  it('is the same for ever: this event has this hash', () => {
    const [sealed] = sealEvents('a-1', -1, FIRST_PREV_HASH, [newEvent('x', { b: 1, a: [true] })]);
    expect(sealed?.hash).toMatchInlineSnapshot(
      `"afb637ee19da031e28c9ba4f691de2e1ecbc695da8106cf0a8a2bf6eeb49dc6f"`,
    );
  });

  it('any one change to any event is found at that event', async () => {
    const events = await stored(5);
    const changes: readonly ((event: StoredEvent) => StoredEvent)[] = [
      (event) => ({ ...event, type: 'Other' }),
      (event) => ({ ...event, stream: 'a-2' }),
      (event) => ({ ...event, data: { ...event.data, more: 1 } }),
      (event) => ({ ...event, metadata: { ...event.metadata, actor: 'mallory' } }),
      (event) => ({ ...event, metadata: { ...event.metadata, hash: 'f'.repeat(64) } }),
      (event) => ({ ...event, metadata: { ...event.metadata, prevHash: 'f'.repeat(64) } }),
    ];
    for (const change of changes) {
      for (const at of [0, 2, 4]) {
        const changed = events.map((event, index) => (index === at ? change(event) : event));
        expect(verifyEvents(CHAIN_START, changed)).toMatchObject({ revision: at });
      }
    }
    expect(verifyEvents(CHAIN_START, events)).toBeUndefined();
  });

  it('a missing, a doubled and a moved event are found', async () => {
    const events = await stored(4);
    const [a, b, c, d] = events as [StoredEvent, StoredEvent, StoredEvent, StoredEvent];
    const gap = { revision: 2, problem: 'gap' };
    expect(verifyEvents(CHAIN_START, [a, c, d])).toMatchObject(gap);
    expect(verifyEvents(CHAIN_START, [a, b, b])).toMatchObject({ revision: 1, problem: 'gap' });
    expect(verifyEvents(CHAIN_START, [b, c])).toMatchObject({ revision: 1, problem: 'gap' });
    const after = { revision: 1, hash: b.metadata.hash };
    expect(verifyEvents(after, [c, d])).toBeUndefined();
    const other = { revision: 1, hash: a.metadata.hash };
    expect(verifyEvents(other, [c, d])).toMatchObject({ revision: 2, problem: 'broken-chain' });
  });

  it('does not depend on the order of members', () => {
    const data = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(data, (record) => {
        const clean = JSON.parse(JSON.stringify(record)) as Record<string, never>;
        const turned = Object.fromEntries(Object.entries(clean).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(clean));
        expect(JSON.parse(canonicalJson(clean))).toEqual(clean);
      }),
    );
  });
});
