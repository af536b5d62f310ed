/**
 * All eight collectors under every scenario, for more than an hour of virtual time each
 * (docs/simulation.md).
 *
 *   HEADGATE_SEEDS=20 npx vitest run test/simulation/scenarios.test.ts
 */
import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { SCENARIO_NAMES, type ScenarioName } from '../../src/sources/sandbox/index.js';
import { AN_HOUR_MS, beginsAt, playHour, type Hour } from '../support/scenario-hour.js';
import {
  bounds,
  breakers,
  evidence,
  owners,
  retries,
  suspensions,
  violations,
  windows,
} from '../support/scenario-judge.js';
import { REACHED } from '../support/scenario-reached.js';
import { throughput } from '../support/scenario-recovery.js';
import { whys } from '../support/scenario-why.js';

/** Only a bound for what hangs: an hour takes some seconds. */
const TIMEOUT_MS = 600_000;
const seeds = Array.from({ length: Number(env['HEADGATE_SEEDS'] ?? 1) }, (_, index) => index + 1);

const calmHours = new Map<string, Promise<Hour>>();

/** The hour beside which the others are held: the same seed, the same time of day, no fault. */
function calmHour(seed: number, like: ScenarioName): Promise<Hour> {
  const at = beginsAt(like);
  const key = `${String(seed)}/${String(at)}`;
  const known = calmHours.get(key) ?? playHour({ seed, at, scenario: 'calm' });
  calmHours.set(key, known);
  return known;
}

describe.each(seeds)('an hour of all eight collectors, seed %d', (seed) => {
  it.each(SCENARIO_NAMES)(
    '%s: limits hold, every fault has its owner, and all is as before in time',
    async (scenario) => {
      const calm = await calmHour(seed, scenario);
      const hour = scenario === 'calm' ? calm : await playHour({ seed, scenario });
      expect(hour.to - hour.from).toBeGreaterThan(AN_HOUR_MS);
      expect([
        ...violations(hour.world),
        ...windows(hour.world),
        ...owners(hour),
        ...suspensions(hour),
        ...breakers(hour),
        ...retries(hour),
        ...evidence(hour),
        ...bounds(hour),
        ...whys(hour),
        ...throughput(hour, calm),
        ...REACHED[scenario](hour),
      ]).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
