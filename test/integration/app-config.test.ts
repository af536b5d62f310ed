/** What configuration lets through, the actors take: nobody runs unguarded because of a number. */
import { describe, expect, it } from 'vitest';
import { RUN_OPTIONS } from '../../src/config/options-run.js';
import type { OptionSpec } from '../../src/config/option.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { startTestApp } from '../support/app-service.js';

/** The groups whose values end up in an actor's configuration. */
const DECIDED_BY_ACTORS = ['breaker', 'limiter'];

/** A configuration with every bounded number of a group at that bound. */
function atBound(group: string, bound: (spec: OptionSpec) => number | undefined): JsonObject {
  const specs: readonly OptionSpec[] = RUN_OPTIONS;
  const values = specs.flatMap((spec) => {
    const value = bound(spec);
    return spec.key.startsWith(`${group}.`) && value !== undefined
      ? [[spec.key.slice(group.length + 1), value] as const]
      : [];
  });
  return Object.fromEntries(values);
}

describe('the bounds of an option', () => {
  const bounds = {
    largest: (spec: OptionSpec) => spec.max,
    smallest: (spec: OptionSpec) => spec.min,
  };
  for (const [name, bound] of Object.entries(bounds)) {
    it(`are never wider than what the actors accept: the ${name} of each`, async () => {
      const groups = DECIDED_BY_ACTORS.map((group) => [group, atBound(group, bound)] as const);
      for (const [, values] of groups) expect(Object.keys(values).length).toBeGreaterThan(1);
      const app = await startTestApp({ config: Object.fromEntries(groups) });
      const refused = app.log.lines.filter(({ msg }) => msg === 'configuration refused');
      expect(refused).toEqual([]);
      const events = await app.events();
      const count = (type: string): number => events.filter((each) => each.type === type).length;
      expect([count('BreakerConfigured'), count('ScopeConfigured')]).toEqual([2, 2]);
    });
  }

  it('are kept by a collector that runs once a month', async () => {
    const app = await startTestApp({
      collectors: { monthly: { source: 'historical', cron: '0 0 1 * *' } },
    });
    const events = await app.events();
    const configured = events.find(
      ({ type, stream }) => type === 'BreakerConfigured' && stream === 'breaker-monthly',
    );
    expect(configured?.data).toMatchObject({ policy: { windowMs: 366 * 86_400_000 } });
  });
});

describe('a breaker that could never trip at its pace', () => {
  it('ends the start with the reason, and leaves nothing behind', async () => {
    const hourly = {
      interval_ms: 3_600_000,
      breaker: { failure_threshold: 1000, minimum_calls: 10_000, window_ms: 1000 },
    };
    await expect(startTestApp({ collectors: { historical: hourly } })).rejects.toMatchObject({
      code: 'configuration_refused',
      message: expect.stringMatching(
        /^collectors\.historical\.breaker: it could never trip: /,
      ) as string,
    });
  });
});

describe('a scope that two collectors share', () => {
  it('has the limits of both: other ones are refused at the start, not left unkept', async () => {
    const shared = { scope: 'shared' };
    const collectors = { glassnode: shared, lunarcrush: shared };
    await expect(startTestApp({ collectors })).rejects.toMatchObject({
      code: 'configuration_refused',
      message:
        'collectors.lunarcrush.scope: shared has the limits of glassnode already, ' +
        'and lunarcrush has others; give each its own scope',
    });
  });

  it('may be any for collectors of one provider', async () => {
    const shared = { source: 'historical', scope: 'shared' };
    const app = await startTestApp({ collectors: { one: shared, two: shared } });
    const events = await app.events();
    const scopes = events.filter(({ stream }) => stream === 'limiter-shared');
    expect(scopes[0]).toMatchObject({
      type: 'ScopeConfigured',
      data: { collectors: ['one', 'two'] },
    });
  });
});
