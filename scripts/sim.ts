/** Runs many seeds of the simulated engine: 2000, or as HEADGATE_SEEDS or HEADGATE_SEED say. */
import { spawnSync } from 'node:child_process';
import { env, execPath, exit } from 'node:process';

const SEEDS = '2000';

const { status } = spawnSync(
  execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/simulation'],
  {
    stdio: 'inherit',
    env: { HEADGATE_SEEDS: SEEDS, ...env },
  },
);
exit(status ?? 1);
