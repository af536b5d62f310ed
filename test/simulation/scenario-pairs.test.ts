/** Two upstreams of one collector, two collectors of one scope: neither holds up the other. */
import { describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../src/kernel/time.js';
import {
  goesOn,
  keepsCadence,
  playShared,
  playUpstreams,
  standsIn,
  type Upstreams,
} from '../support/scenario-pairs.js';

const TIMEOUT_MS = 600_000;
const sentiment = { collector: 'sentiment', intervalMs: 5 * MINUTE_MS } as const;

describe('the second upstream of a collector', () => {
  it.each<Upstreams>([
    { ...sentiment, down: 'alternative_me', other: 'newsapi' },
    { ...sentiment, down: 'newsapi', other: 'alternative_me' },
  ])(
    '$other goes on while the breaker of $down is open',
    async (upstreams) => {
      const calm = await playUpstreams(upstreams, false, 1);
      const hour = await playUpstreams(upstreams, true, 1);
      expect(goesOn(hour, calm, upstreams)).toEqual([]);
      // A judge that cannot fail proves nothing.
      const silent = { ...hour, world: { ...hour.world, arrivals: [] } };
      expect(goesOn(silent, calm, upstreams)).toHaveLength(1);
      expect(goesOn(calm, calm, upstreams)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    'alpha_vantage stands in while the breaker of yahoo is open',
    async () => {
      const hour = await playUpstreams(
        {
          collector: 'stock_index',
          intervalMs: 15 * MINUTE_MS,
          down: 'yahoo',
          other: 'alpha_vantage',
        },
        true,
        1,
      );
      expect(standsIn(hour)).toEqual([]);
      const none = { ...hour, facts: hour.facts.filter(({ type }) => type !== 'RunProgressed') };
      expect(standsIn(none)).toEqual(['pairs: no fund was read']);
    },
    TIMEOUT_MS,
  );
});

describe('two collectors of one scope', () => {
  it(
    'the live one keeps its cadence beside a backfill of years',
    async () => {
      const shared = await playShared(1, true);
      const alone = await playShared(1, false);
      expect(keepsCadence(shared, alone)).toEqual([]);
      const log = shared.store.log.filter((_, index) => index % 5 > 0);
      const rarer = { ...shared, store: { ...shared.store, log } };
      expect(keepsCadence(rarer, alone).join()).toContain('cadence');
      expect(keepsCadence(alone, alone).join()).toContain('nothing was scarce');
    },
    TIMEOUT_MS,
  );
});
