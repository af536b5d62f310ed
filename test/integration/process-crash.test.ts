/**
 * kill -9 at random moments, under load, again and again: nothing acknowledged is lost, nothing is sent
 * that was not reserved, and once the collectors caught up no record is missing.
 *
 * HEADGATE_CRASH_ROUNDS   how many lives the service has; default 12
 * HEADGATE_CRASH_SEED     the seed of everything random here but the scheduler; printed with the numbers
 */
import { expect, it } from 'vitest';
import { seededRandom, systemRandom } from '../../src/kernel/random.js';
import {
  crashOf,
  live,
  loseCaches,
  objectionsOnDisk,
  objectionsToJournal,
} from '../support/process-crash.js';
import { configureLife, faultsOf, planOf } from '../support/process-lives.js';
import { caughtUp, objectionsAtEnd, report } from '../support/process-catch-up.js';
import { processWorld } from '../support/process-world.js';

const ROUNDS = Number(process.env['HEADGATE_CRASH_ROUNDS'] ?? 12);
const SEED = Number(
  process.env['HEADGATE_CRASH_SEED'] ?? Math.floor(systemRandom().next() * 2 ** 31),
);
/** Disk checks fold the whole journal: over many lives only every n-th is copied. */
const DISK_CHECKS = 12;
const ROUND_MAX_MS = 60_000;

it(
  `loses nothing over ${String(ROUNDS)} kills (seed ${String(SEED)})`,
  { timeout: 120_000 + ROUNDS * ROUND_MAX_MS },
  async () => {
    const random = seededRandom(SEED);
    const world = await processWorld({ seed: SEED });
    world.sandbox.control.configure('moralis', { transfersPerBlock: 0.5, historyDays: 1 });
    const crash = crashOf(world);
    const startedAt = Date.parse(world.sandbox.control.snapshot(0).startedAt);
    let onDisk: Promise<readonly string[]> = Promise.resolve([]);
    for (let life = 1; life <= ROUNDS; life += 1) {
      configureLife(world, startedAt, life);
      for (const provider of ['binance', 'moralis'] as const) {
        world.sandbox.control.setFaults(provider, faultsOf(random));
      }
      await live(crash, planOf(random, crash.startMs), random);
      crash.objections.push(...objectionsToJournal(crash), ...(await onDisk));
      expect(crash.objections, `life ${String(life)} of seed ${String(SEED)}`).toEqual([]);
      const isChecked = life % Math.ceil(ROUNDS / DISK_CHECKS) === 0;
      if (isChecked) onDisk = objectionsOnDisk(crash);
      onDisk.catch(() => undefined); // it is awaited a life later
      loseCaches(crash, random);
    }
    crash.objections.push(...(await onDisk));
    configureLife(world, startedAt, ROUNDS);
    const until = await caughtUp(crash);
    crash.objections.push(
      ...objectionsToJournal(crash),
      ...(await objectionsAtEnd(crash, startedAt, ROUNDS, until)),
    );
    report(crash, SEED);
    expect(crash.objections, `the end of seed ${String(SEED)}`).toEqual([]);
  },
);
