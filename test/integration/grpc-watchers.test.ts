/**
 * Many subscribers over gRPC, half of whom never read: what they cost is bounded, the others lack nothing.
 * Clients are real and in a process of their own, both halves on the same connections.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GRPC_LIMITS } from '../../src/gateway/index.js';
import type { GrpcLimits } from '../../src/gateway/index.js';
import { NO_STREAM } from '../../src/journal/port.js';
import { systemClock } from '../../src/kernel/time.js';
import { settle } from '../support/clock.js';
import { NOW } from '../support/gateway-docs.js';
import { world } from '../support/gateway-fakes.js';
import type { World } from '../support/gateway-fakes.js';
import { servedGrpc } from '../support/grpc-served.js';
import { countedContract, startSubscribers } from '../support/grpc-watchers.js';
import type { Counted, Pulled, Subscribers } from '../support/grpc-watchers.js';
import type { Subscription } from '../support/grpc-watch-child.js';
import { newEvent } from '../support/journal-events.js';

const NAMES = Array.from({ length: 1000 }, (_, i) => `c${String(i).padStart(4, '0')}`);
const ROUNDS = 5;
/** Above the revision that the documents of the world begin with. */
const FIRST = 100;
const LAST = FIRST + ROUNDS - 1;
const PATIENCE_MS = 240_000;
/** What a client of this library takes unread on one stream: HTTP/2’s own window. */
const WINDOW_BYTES = 64 * 1024;
/** Ours and the client’s, an item over each, and what Node’s HTTP/2 reads ahead. */
const UNREAD_BYTES_MAX = WINDOW_BYTES + GRPC_LIMITS.aheadBytesMax + 64 * 1024;
const HEAP_GROWTH_MAX = 48 * 1024 * 1024;

type Served = Counted & { readonly target: string; readonly subscribers: Subscribers };

async function served(made: World, limits: Partial<GrpcLimits> = {}): Promise<Served> {
  const counted = countedContract();
  const { target } = await servedGrpc({ contract: counted.contract, limits }, made);
  const subscribers = startSubscribers();
  onTestFinished(() => subscribers.end());
  return { ...counted, target, subscribers };
}

const clock = systemClock();

/** All collectors change once, a thousand a second. */
async function round(made: World, version: number): Promise<void> {
  for (let changed = 0; changed < NAMES.length; changed += 10) {
    for (const name of NAMES.slice(changed, changed + 10)) {
      made.edit(name, (docs) => ({ ...docs, etag: `${String(version)}.0.0` }));
    }
    await new Promise<void>((resolve) => {
      clock.after(10, resolve);
    });
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is alive, outside of the heap too. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Resolves when nothing is pulled any more. */
async function still(pulled: readonly Pulled[]): Promise<void> {
  for (let before = -1; ;) {
    const now = pulled.reduce((sum, { items }) => sum + items, 0);
    if (now === before) return;
    before = now;
    for (let turn = 0; turn < 200; turn += 1) await settle();
  }
}

/** Streams of the half that does not read: they pulled the least. */
function stalledOf(pulled: readonly Pulled[], count: number): readonly Pulled[] {
  return pulled.toSorted((a, b) => a.bytes - b.bytes).slice(0, count);
}

describe('two hundred watchers over gRPC while a thousand collectors change', () => {
  it(
    'the half that reads sees every final state; the other half costs little, and wakes to the latest',
    { timeout: PATIENCE_MS },
    async () => {
      const made = world(NAMES);
      const { target, subscribers, pulled, encoded } = await served(made);
      const wish = {
        target,
        to: 'watch',
        request: {},
        channels: 10,
        live: 100,
        stalled: 100,
      } as const;
      await subscribers.open(wish);
      await still(pulled);
      const before = { memory: memory(), encoded: encoded() };
      for (let version = FIRST; version <= LAST; version += 1) await round(made, version);
      const live = await subscribers.see('live', NAMES.length, LAST);

      expect(live).toHaveLength(100);
      expect(live.every(({ inOrder }) => inOrder)).toBe(true);
      // Per change, not per watcher: once where more of what changed waits behind it, once as the last.
      expect(encoded() - before.encoded).toBeLessThanOrEqual(2 * ROUNDS * NAMES.length + 1);
      const stalled = stalledOf(pulled, 100);
      for (const { bytes } of stalled) expect(bytes).toBeLessThan(UNREAD_BYTES_MAX);
      expect(memory() - before.memory).toBeLessThan(HEAP_GROWTH_MAX);

      await subscribers.wake();
      const woken = await subscribers.see('stalled', NAMES.length, LAST);
      for (const { items, versionsMax, inOrder } of woken) {
        expect(inOrder).toBe(true);
        // What was on its way when it stopped reading, then the last: nothing between.
        expect(versionsMax).toBeLessThanOrEqual(2);
        expect(items).toBeLessThanOrEqual(2 * NAMES.length + 1);
      }
    },
  );

  it('would cost what it was never sent, were there no bound on what waits', async () => {
    const made = world(NAMES);
    const { target, subscribers, pulled } = await served(made, { aheadBytesMax: Infinity });
    const wish = { target, to: 'watch', request: {}, channels: 1, live: 1, stalled: 2 } as const;
    await subscribers.open(wish);
    await still(pulled);
    for (const { items, bytes } of pulled) {
      expect(items).toBeGreaterThan(NAMES.length);
      expect(bytes).toBeGreaterThan(UNREAD_BYTES_MAX);
    }
  });
});

const ITEMS = 500;
const TEXT = 'x'.repeat(1_000);
const HALF = 100;

/** Something that is followed, and how more of it comes; answers where it then ends. */
type Followed = {
  readonly to: Subscription;
  readonly request: object;
  readonly more: (made: World, count: number) => Promise<number>;
};

const EVENTS: Followed = {
  to: 'events',
  request: { follow: true },
  async more({ journal }, count) {
    const stream = 'collector-moralis';
    const { revision } = (await journal.streamHead(stream)) ?? { revision: NO_STREAM };
    const name = `after-${String(revision)}`;
    const events = Array.from({ length: count }, (_, n) =>
      newEvent(`${name}-${String(n)}`, { text: TEXT }),
    );
    await journal.append(stream, revision, events);
    return journal.head();
  },
};

const RECORDS: Followed = {
  to: 'records',
  request: { name: 'moralis', follow: true },
  more(made, count) {
    for (let n = 0; n < count; n += 1) {
      const sequence = made.rows.length + 1;
      const times = { at: NOW, collectedAt: NOW };
      const id = `r-${String(sequence)}`;
      made.rows.push({ id, kind: 'k', series: 's', sequence, ...times, data: { text: TEXT } });
    }
    made.edit('moralis', (docs) => docs);
    return Promise.resolve(made.rows.length);
  },
};

describe('two hundred subscribers over gRPC', () => {
  it.each([EVENTS, RECORDS])(
    'to $to: the half that reads gets each once and in order, the other half later',
    { timeout: PATIENCE_MS },
    async ({ to, request, more }) => {
      const made = world();
      const { target, subscribers, pulled } = await served(made);
      await more(made, 1);
      await subscribers.open({ target, to, request, channels: 4, live: HALF, stalled: HALF });
      await more(made, ITEMS / 2);
      const last = await more(made, ITEMS / 2 - 1);
      const live = await subscribers.see('live', 1, last);
      await still(pulled);
      const whole = { items: ITEMS, versionsMax: ITEMS, inOrder: true };
      expect(live).toEqual(Array(HALF).fill(whole));
      for (const { bytes } of stalledOf(pulled, HALF)) expect(bytes).toBeLessThan(UNREAD_BYTES_MAX);
      await subscribers.wake();
      expect(await subscribers.see('stalled', 1, last)).toEqual(Array(HALF).fill(whole));
    },
  );
});
