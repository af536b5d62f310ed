import { describe, expect, it } from 'vitest';
import { appendQueue, type AppendQueue } from '../../src/journal/append-queue.js';
import { journalCounters } from '../../src/journal/counters.js';
import { encodeBatch } from '../../src/journal/encode.js';
import { DEFAULT_LIMITS } from '../../src/journal/limits.js';
import { packAnswers, type PackedAppends } from '../../src/journal/protocol.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { virtualClock } from '../support/clock.js';
import { newEvent } from '../support/journal-events.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Given = {
  readonly queue: AppendQueue;
  /** How many of those who wait were told, and what the others were told instead. */
  readonly told: () => number;
  readonly failures: readonly string[];
  readonly answered: ReturnType<typeof packAnswers>;
};

/** So many appends, handed in and answered by the writer as one group. */
function waiting(appends: number): Given {
  const sent: PackedAppends[] = [];
  let told = 0;
  const failures: string[] = [];
  const queue = appendQueue({
    limits: DEFAULT_LIMITS,
    counters: journalCounters(),
    clock: virtualClock(),
    log: silentLogger,
    tell: (packed) => sent.push(packed),
  });
  for (let n = 0; n < appends; n += 1) {
    const stream = `tally-${String(n)}`;
    queue.handIn(stream, -1, encodeBatch(stream, [newEvent(stream)], DEFAULT_LIMITS)).then(
      () => (told += 1),
      (error: unknown) => failures.push(String(error)),
    );
  }
  const answers = Array.from({ length: appends }, (_, n) => ({
    kind: 'appended' as const,
    id: n + 1,
    revision: 0,
    position: n + 1,
    isRepeat: false,
  }));
  return { queue, told: () => told, failures, answered: packAnswers(answers) };
}

describe('those who wait for the writer', () => {
  it('S3: are told a few per turn of the event loop, all of them, in order', async () => {
    const { queue, told, answered } = waiting(500);
    queue.settle(answered);
    const turns: number[] = [];
    while (told() < 500) {
      await turn();
      turns.push(told());
    }
    expect(turns.length).toBeGreaterThanOrEqual(3);
    expect(turns.at(-1)).toBe(500);
  });

  it('S3: are told at once when the journal closes', async () => {
    const { queue, told, answered } = waiting(500);
    queue.settle(answered);
    queue.settleAll();
    await Promise.resolve();
    expect(told()).toBe(500);
  });

  it('S2: are told nothing but the failure once the writer has failed', async () => {
    const { queue, told, failures, answered } = waiting(500);
    queue.settle(answered);
    queue.fail(() => new Error('the disk is gone'));
    const before = told();
    queue.settle(answered);
    for (let turns = 0; turns < 8; turns += 1) await turn();
    expect(failures.length).toBe(500 - told());
    expect(told()).toBeLessThan(500);
    expect(told() - before).toBeLessThanOrEqual(128);
  });
});
