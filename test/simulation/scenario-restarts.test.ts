/**
 * Killed at random moments, begun anew over the same journal: no limit is exceeded, no budget invented
 * (docs/simulation.md). More seeds: HEADGATE_SEEDS=40.
 */
import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { judgeRestarts, live, RESTARTS } from '../support/scenario-restarts.js';

const SEEDS = 2;
/** Only a bound for what hangs. */
const TIMEOUT_MS = 600_000;
const seeds = Array.from({ length: Number(env['HEADGATE_SEEDS'] ?? SEEDS) }, (_, n) => n + 1);

describe.each(RESTARTS)('restarts in the middle of $name', (restart) => {
  it(
    'exceed nothing, whenever they come',
    async () => {
      for (const seed of seeds) {
        const found = judgeRestarts(await live(restart, seed));
        expect(found.map((finding) => `seed ${String(seed)}: ${finding}`)).toEqual([]);
      }
    },
    TIMEOUT_MS,
  );
});
