/** Bends one thing at a time and expects the judge to notice: a judge that cannot fail proves nothing. */
import { beforeAll, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../src/kernel/time.js';
import type { Transport } from '../../src/sources/port.js';
import type { ScenarioName } from '../../src/sources/sandbox/index.js';
import { playHour, type Hour, type HourOptions, type Look } from '../support/scenario-hour.js';
import {
  bounds,
  breakers,
  evidence,
  owners,
  retries,
  suspensions,
  windows,
} from '../support/scenario-judge.js';
import { REACHED } from '../support/scenario-reached.js';
import { throughput } from '../support/scenario-recovery.js';
import { judgeRestarts, live, RESTARTS } from '../support/scenario-restarts.js';
import { whys } from '../support/scenario-why.js';
import { WINDOWS } from '../support/scenario-windows.js';

const TIMEOUT_MS = 600_000;

/** One collector alone, and only as long as the point takes. */
function brief(scenario: ScenarioName, bend: Partial<HourOptions> = {}): Promise<Hour> {
  return playHour({
    seed: 1,
    scenario,
    forMs: 45 * MINUTE_MS,
    flags: { only: 'historical' },
    ...bend,
  });
}

/** Of two the limiter would hear in the headers, and send half as many. */
const manyTimes = (inner: Transport): Transport => ({
  ...inner,
  send(request) {
    for (let more = 0; more < 12; more += 1) void inner.send(request);
    return inner.send(request);
  },
});

const seconds =
  (ms: number) =>
  (look: Look): Look => ({
    ...look,
    why: look.why.map((why) =>
      why.changesAt === undefined ? why : { ...why, changesAt: why.changesAt + ms },
    ),
  });

describe('the judges of the scenarios', () => {
  let flapping: Hour;
  let calm: Hour;
  beforeAll(async () => {
    flapping = await brief('flapping');
    calm = await brief('calm');
  }, TIMEOUT_MS);

  it('have nothing to say of an honest one', () => {
    const all = [owners, breakers, suspensions, retries, evidence, bounds, whys];
    expect(all.flatMap((judge) => judge(flapping))).toEqual([]);
    expect(throughput(flapping, calm)).toEqual([]);
  });

  it('windows: find one that holds too much', () => {
    const narrow = WINDOWS.map((window) => ({ ...window, limit: window.limit / 300 }));
    expect(windows(flapping.world, narrow).join()).toContain('binance/weight');
    expect(windows(flapping.world)).toEqual([]);
  });

  it(
    'owners, breakers: find a throttle that is taken for a failure',
    async () => {
      const wire = (inner: Transport): Transport => ({
        ...inner,
        async send(request) {
          const exchange = await inner.send(request);
          return exchange.kind === 'answered' && exchange.status === 429
            ? { ...exchange, status: 503, headers: {} }
            : exchange;
        },
      });
      const hour = await brief('throttle-storm', { wire });
      expect(owners(hour).join()).toContain('settled as throttled');
      expect(owners(hour).join()).toContain('never is throttled');
      expect(breakers(hour).join()).toContain('breaker-historical opens');
      expect(REACHED['throttle-storm'](hour).join()).toContain('opened');
    },
    TIMEOUT_MS,
  );

  it('suspensions: find one without a cause', () => {
    const stream = 'collector-historical';
    const data = { cause: 'auth' };
    const fact = { stream, type: 'CollectorSuspended', at: flapping.from, data };
    expect(suspensions({ ...flapping, facts: [...flapping.facts, fact] })).toHaveLength(1);
  });

  it(
    'retries: find a fourth attempt, and a budget that is overdrawn',
    async () => {
      const wire = (inner: Transport): Transport => ({
        ...inner,
        async send(request) {
          let exchange = await inner.send(request);
          for (let more = 0; more < 40 && exchange.status === 503; more += 1)
            exchange = await inner.send(request);
          return exchange;
        },
      });
      const found = retries(await brief('flapping', { wire })).join();
      expect(found).toContain('attempt 4');
      expect(found).toContain('overdrawn');
    },
    TIMEOUT_MS,
  );

  it(
    'evidence: find that none was kept',
    async () => {
      const hour = await brief('garbage', { forMs: 15 * MINUTE_MS });
      expect(evidence(hour)).toEqual([]);
      hour.world.records.evidence.clear();
      expect(evidence(hour).join()).toContain('evidence: none of collector-historical');
    },
    TIMEOUT_MS,
  );

  it.each(['commands', 'timers', 'waiting', 'blocks'] as const)(
    'bounds: find too many %s',
    (name) => {
      const looks = flapping.looks.map((look) => ({ ...look, [name]: 1000 }));
      expect(bounds({ ...flapping, looks })).toEqual([`bounds: 1000 ${name}`]);
    },
  );

  it.each([
    [60_000, 'and it asks at'],
    [-60_000, 'nothing in the journal ends'],
  ] as const)('why: find a time that is %d ms off', (ms, what) => {
    const looks = flapping.looks.map(seconds(ms));
    expect(whys({ ...flapping, looks }).join()).toContain(what);
  });

  it('why: find a cause that is not the cause', () => {
    const looks = flapping.looks.map((look) => ({
      ...look,
      why: look.why.map((why) => ({
        ...why,
        sentence: why.sentence.replace('the breaker is open', 'rate limit'),
      })),
    }));
    expect(whys({ ...flapping, looks }).join()).toContain('nothing in the journal ends');
  });

  it(
    'throughput: find one that never comes back',
    async () => {
      const hour = await brief('flapping', {
        begun: (world, { engine }) => {
          world.time.after(21 * MINUTE_MS, () => {
            void engine.setRateLimit(
              'historical',
              { maxRequestsPerSecond: 0.01 },
              {
                commandId: '5f0c1a9e-2b7d-4c36-9a51-3e8f6d2b7c10',
                correlationId: 'c',
                actor: 'bender',
                interface: 'system',
              },
            );
          });
        },
      });
      expect(throughput(hour, calm).join()).toContain('throughput: binance');
    },
    TIMEOUT_MS,
  );

  it.each(['throttle-storm', 'slow-death', 'flapping', 'ban', 'quota-gone', 'garbage'] as const)(
    'reached: a calm hour is no %s',
    (name) => {
      expect(REACHED[name](calm)).not.toEqual([]);
    },
  );

  it(
    'restarts: find a wire that sends everything many times, and calls that nobody reserved',
    async () => {
      const restart = RESTARTS.find(({ provider }) => provider === 'lunarcrush');
      if (restart === undefined) expect.fail('there is one of LunarCrush');
      const found = judgeRestarts(
        await live(restart, 1, (options) => ({ ...options, wire: manyTimes })),
      ).join();
      expect(found).toContain('violations: lunarcrush');
      expect(found).toContain('windows: minute');
      expect(found).toContain('invented: a call of lunarcrush');
    },
    TIMEOUT_MS,
  );
});
