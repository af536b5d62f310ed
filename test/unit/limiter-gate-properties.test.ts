import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Acquired, Permit } from '../../src/actors/limiter/index.js';
import { settle, virtualClock } from '../support/clock.js';
import { bucket, configure, MINUTE, NOON, SECOND } from '../support/limiter-given.js';
import { answer, gateOver, request, type Bench } from '../support/limiter-gate.js';
import { fakeLimiter } from '../support/limiter-handle.js';

const WINDOW = 10 * SECOND;
const LIMITS = { alpha: 10, beta: 4 };
const BUCKETS = [
  bucket({ name: 'alpha', limit: LIMITS.alpha, windowMs: WINDOW, burst: 4 }),
  bucket({ name: 'beta', limit: LIMITS.beta, windowMs: WINDOW, burst: 2 }),
];

const step = fc.record({
  collector: fc.constantFrom('one', 'two', 'three'),
  priority: fc.constantFrom('probe', 'live', 'backfill'),
  weights: fc.constantFrom(
    {},
    { alpha: 1 },
    { alpha: 4 },
    { alpha: 9 },
    { beta: 1 },
    { beta: 3 },
    { alpha: 2, beta: 1 },
  ),
  waitMaxMs: fc.integer({ min: 0, max: 30_000 }),
  /** What the caller does: gives up after a while, forgets it, gives it back, or sends it. */
  does: fc.constantFrom('gives up', 'forgets', 'releases', 'sends', 'sends', 'sends'),
  holdsMs: fc.constantFrom(0, 0, 0, 30, 1500),
  afterMs: fc.integer({ min: 0, max: 3000 }),
  /** At once if possible. */
  tries: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One caller's story, as it is lived. */
type Story = {
  readonly step: Step;
  readonly asked: number;
  readonly stop: AbortController;
  ended: number | undefined;
  acquired: Acquired | undefined;
  heldFrom: number | undefined;
  sentAt: number | undefined;
};

async function openBench(): Promise<Bench> {
  const clock = virtualClock(NOON);
  const actor = fakeLimiter(clock);
  actor.journal.delayMs = 5;
  const collectors = ['one', 'two', 'three'];
  const told = actor.send(configure({ collectors, maxRequestsPerSecond: 20, buckets: BUCKETS }));
  await clock.advance(10);
  await told;
  const gate = gateOver(clock, actor, { queueMax: 12, waitMaxMs: 20 * SECOND });
  await clock.advance(MINUTE);
  return { clock, actor, gate };
}

async function live({ gate, clock }: Bench, story: Story): Promise<void> {
  const { step, stop } = story;
  const { collector, priority, weights, waitMaxMs } = step;
  const { signal } = stop;
  const run = `run-${collector}`;
  const spec = request({ collector, run, priority, weights, waitMaxMs, signal });
  const free = step.tries ? gate.tryAcquire(spec) : undefined;
  const acquired: Acquired =
    free === undefined ? await gate.acquire(spec) : { ok: true, permit: free };
  story.ended = clock.monotonic();
  story.acquired = acquired;
  if (!acquired.ok) return;
  story.heldFrom = story.ended;
  if (step.does === 'forgets') return;
  const use = (): void => {
    useOf(story, acquired.permit, clock.monotonic(), clock.now());
  };
  if (step.holdsMs === 0) use();
  else clock.after(step.holdsMs, use);
}

function useOf(story: Story, permit: Permit, mono: number, wall: number): void {
  if (story.step.does === 'releases') {
    permit.release();
    return;
  }
  if (!permit.spend()) return;
  story.sentAt = mono;
  permit.report(answer({ at: wall }));
}

describe('the gate, whoever comes when', () => {
  it('ends every wait in time, never gives more than the windows hold, leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const made = await openBench();
        const { clock, gate } = made;
        const stories: Story[] = [];
        for (const one of steps) {
          const stop = new AbortController();
          const now = clock.monotonic();
          const none = { ended: undefined, acquired: undefined, sentAt: undefined };
          const story: Story = {
            step: one,
            asked: now,
            stop,
            ...none,
            heldFrom: undefined,
          };
          stories.push(story);
          void live(made, story);
          if (one.does === 'gives up')
            clock.after(one.holdsMs, () => {
              stop.abort();
            });
          await clock.advance(one.afterMs);
        }
        await clock.advance(MINUTE);
        for (const { step: one, ended, asked, acquired, stop } of stories) {
          const waitMs = (ended ?? Infinity) - asked;
          expect(waitMs).toBeLessThanOrEqual(Math.min(one.waitMaxMs, 20 * SECOND) + 1e-6);
          if (acquired?.ok === false && acquired.until !== undefined) {
            expect(acquired.until).toBeGreaterThanOrEqual(NOON + asked);
          }
          expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
        }
        checkWindows(stories);
        expect(gate.numbers().queued).toBe(0);
        await gate.flush();
        await clock.advance(MINUTE);
        expect(gate.numbers().openBlocks).toBe(0);
        // Only the actor's own timers are left.
        gate.close();
        made.actor.kill();
        await settle();
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});

/** B1, B2: what is held at a moment, and what left in the window before it, never exceed the limit. */
function checkWindows(stories: readonly Story[]): void {
  const moments = stories.flatMap(({ sentAt, heldFrom }) => [sentAt, heldFrom]);
  for (const moment of moments.filter((one) => one !== undefined)) {
    for (const name of ['alpha', 'beta'] as const) {
      const counting = stories.filter((story) => counts(story, moment));
      const units = counting.map(({ step: one }) => weightOf(one.weights, name));
      const sum = units.reduce((total, weight) => total + weight, 0);
      expect(sum).toBeLessThanOrEqual(LIMITS[name]);
    }
  }
}

function weightOf(weights: Readonly<Record<string, number>>, name: string): number {
  return weights[name] ?? 0;
}

/** Whether it left in the window that ends now, or is held now by one who will use it. */
function counts({ sentAt, heldFrom }: Story, moment: number): boolean {
  // A permit that nobody uses in time lapses with its block; when, nobody but the block knows.
  if (sentAt === undefined || heldFrom === undefined) return false;
  const isSent = sentAt <= moment && sentAt > moment - WINDOW + 1e-6; // a float at the very edge
  return isSent || (heldFrom <= moment && moment < sentAt);
}
