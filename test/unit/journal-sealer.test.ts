import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HeadsSealed } from '../../src/gen/headgate/events/v1/service.js';
import { memoryJournal } from '../../src/journal/journal.memory.js';
import { merkleRoot } from '../../src/journal/merkle.js';
import type { Journal } from '../../src/journal/port.js';
import { HEADS_PER_FACT, headsAt, sealHeads, startSealer } from '../../src/journal/sealer.js';
import { verifyJournal } from '../../src/journal/verify.js';
import { canonicalJson } from '../../src/kernel/canonical.js';
import { silentLogger } from '../../src/kernel/observe.js';
import type { Clock } from '../../src/kernel/time.js';
import { newEvent, newEvents } from '../support/journal-events.js';

/** A clock whose timers run when the test says so. */
function handClock(): Clock & { readonly fire: () => void; readonly armed: () => number } {
  const tasks = new Set<() => void>();
  return {
    now: () => 1_750_000_000_000,
    monotonic: () => 0,
    after(_delay, task) {
      tasks.add(task);
      return () => tasks.delete(task);
    },
    fire() {
      const due = [...tasks];
      tasks.clear();
      for (const task of due) task();
    },
    armed: () => tasks.size,
  };
}

const options = (journal: Journal) => ({
  journal,
  clock: handClock(),
  node: 'n1',
  log: silentLogger,
});

describe('the Merkle root', () => {
  const sha = (...parts: readonly (Buffer | string)[]): Buffer =>
    createHash('sha256')
      .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
      .digest();
  const head = (stream: string) => ({ stream, revision: 0, hash: 'f'.repeat(64) });
  const leaf = (stream: string): Buffer => sha('\u0000', canonicalJson(head(stream)));

  it('is the tree of RFC 6962 over the heads by name, in whatever order they come', () => {
    expect(merkleRoot([])).toBe(sha('').toString('hex'));
    expect(merkleRoot([head('a')])).toBe(leaf('a').toString('hex'));
    const pair = sha('\u0001', leaf('a'), leaf('b'));
    const three = sha('\u0001', pair, leaf('c')).toString('hex');
    expect(merkleRoot([head('a'), head('b'), head('c')])).toBe(three);
    expect(merkleRoot([head('c'), head('a'), head('b')])).toBe(three);
  });
});

describe('the sealer', () => {
  it('records all heads at one position, and the journal verifies against it', async () => {
    const { journal } = memoryJournal();
    await journal.append('a-1', -1, newEvents('x', 3));
    await journal.append('b-1', -1, newEvents('y', 2));
    const heads = await journal.streams(undefined, undefined, 10);
    const seal = await sealHeads(options(journal));
    expect(seal).toEqual({ position: 5, merkleRoot: merkleRoot(heads), streams: 2 });
    const [event] = (await journal.read('heads-n1', 0, 1)).events;
    expect(HeadsSealed.fromJSON(event?.data)).toMatchObject({ position: 5, heads });
    expect(await verifyJournal(journal)).toMatchObject({ ok: true, events: 6 });
  });

  it('seals nothing when nothing but its own seal came since the last one', async () => {
    const { journal } = memoryJournal();
    expect(await sealHeads(options(journal))).toBeUndefined();
    await journal.append('a-1', -1, newEvents('x', 1));
    expect(await sealHeads(options(journal))).toMatchObject({ position: 1 });
    expect(await sealHeads(options(journal))).toBeUndefined();
    await journal.append('a-1', 0, newEvents('y', 1));
    expect(await sealHeads(options(journal))).toMatchObject({ position: 3 });
  });

  it('puts back streams that moved or began while the heads were listed', async () => {
    const { journal } = memoryJournal();
    await journal.append('a-1', -1, newEvents('x', 2));
    await journal.append('b-1', -1, newEvents('y', 1));
    const before = await journal.streams(undefined, undefined, 10);
    const racing: Journal = {
      ...journal,
      async streams(category, after, limit) {
        if (after === undefined) {
          await journal.append('a-1', 1, newEvents('late', 3));
          await journal.append('c-1', -1, newEvents('new', 2));
        }
        return journal.streams(category, after, limit);
      },
    };
    expect(await headsAt(racing)).toEqual({ position: 3, heads: before });
  });

  it('spreads very many heads over several facts of one root', async () => {
    const { journal } = memoryJournal();
    const count = HEADS_PER_FACT + 1;
    for (let n = 0; n < count; n += 1) {
      await journal.append(`s-${String(n)}`, -1, [newEvent(`x-${String(n)}`)]);
    }
    expect(await sealHeads(options(journal))).toMatchObject({ streams: count });
    const { events } = await journal.read('heads-n1', 0, 10);
    expect(events).toHaveLength(2);
    expect(await verifyJournal(journal)).toMatchObject({ ok: true });
  });

  it('a seal that says otherwise than the journal is found by verify', async () => {
    const { journal } = memoryJournal();
    await journal.append('a-1', -1, newEvents('x', 3));
    await journal.append('a-1', 2, newEvents('y', 1));
    const forged = (heads: readonly object[], root: string): object => ({
      ...newEvent(root, { atMs: 1, position: 4, heads, merkleRoot: root } as never, 'HeadsSealed'),
    });
    const head = await journal.streamHead('a-1');
    const wrong = [{ stream: 'a-1', revision: 2, hash: '0'.repeat(64) }];
    await journal.append('heads-n1', -1, [forged(wrong, 'r1') as never]);
    expect((await verifyJournal(journal)).first).toMatchObject({
      problem: 'seal-mismatch',
      stream: 'heads-n1',
      revision: 0,
    });
    const { journal: other } = memoryJournal();
    await other.append('a-1', -1, newEvents('x', 3));
    await other.append('a-1', 2, newEvents('y', 1));
    await other.append('heads-n1', -1, [forged([head ?? {}], 'not the root') as never]);
    expect((await verifyJournal(other)).first?.detail).toContain('does not have the root');
  });

  it('goes on after a failure, each time it is due, until it is stopped', async () => {
    const { journal, faults } = memoryJournal();
    await journal.append('a-1', -1, newEvents('x', 1));
    const clock = handClock();
    const stop = startSealer({ ...options(journal), clock, everyMs: 1000 });
    const abort = new AbortController();
    const rearmed = async (): Promise<void> => {
      while (clock.armed() === 0) await new Promise((done) => setImmediate(done));
    };
    faults.failNext('before-commit');
    clock.fire();
    await rearmed();
    expect(await journal.streamHead('heads-n1')).toBeUndefined();
    clock.fire();
    await rearmed();
    expect(await journal.streamHead('heads-n1')).toMatchObject({ revision: 0 });
    stop();
    expect(clock.armed()).toBe(0);
    abort.abort();
  });
});
