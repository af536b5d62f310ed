/**
 * The whole engine, simulated (docs/simulation.md).
 *
 *   npm run sim                     2000 seeds; npm test: 200
 *   HEADGATE_SEEDS=5000 npm run sim
 *   HEADGATE_SEED=462 npm run sim   one seed, as a failure names it
 */
import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { neverReached } from '../support/simulation-branches.js';
import { simulate, type SimResult } from '../support/simulation-run.js';

const SEEDS = 200;
/** Seeds in one test: a failure is seen before all have run. */
const CHUNK = 20;
/** Only a bound for what hangs; a chunk takes a few seconds. */
const TIMEOUT_MS = 600_000;

const only = env['HEADGATE_SEED'];
const count = Number(env['HEADGATE_SEEDS'] ?? SEEDS);
const firstSeeds =
  only === undefined
    ? Array.from({ length: Math.ceil(count / CHUNK) }, (_, chunk) => chunk * CHUNK + 1)
    : [Number(only)];
const branches = new Map<string, number>();

/** What a reader needs: the seed that reproduces it, and what happened last. */
function told({ seed, failure, tail }: SimResult): string {
  const again = `HEADGATE_SEED=${String(seed)} npm run sim`;
  return `${failure?.property ?? ''}: ${failure?.what ?? ''}\n${again}\n${tail.join('\n')}`;
}

describe('the simulated engine', () => {
  it.each(firstSeeds)(
    'keeps its properties from seed %d on',
    async (first) => {
      const last = only === undefined ? Math.min(first + CHUNK - 1, count) : first;
      for (let seed = first; seed <= last; seed += 1) {
        const result = await simulate(seed);
        if (result.failure !== undefined) expect.fail(told(result));
        expect(result.events).toBeGreaterThan(100);
        for (const [branch, times] of result.branches) {
          branches.set(branch, (branches.get(branch) ?? 0) + times);
        }
      }
    },
    TIMEOUT_MS,
  );

  it.skipIf(only !== undefined || count < SEEDS)('has been to every rare branch', () => {
    expect(neverReached(branches)).toEqual([]);
  });

  it('is one history per seed', async () => {
    const short = { faultsMs: 1_200_000, calmMs: 0 };
    const [one, again, other] = [
      await simulate(7, short),
      await simulate(7, short),
      await simulate(8, short),
    ];
    expect(again.digest).toBe(one.digest);
    expect(again.tail).toEqual(one.tail);
    expect(other.digest).not.toBe(one.digest);
  });
});
