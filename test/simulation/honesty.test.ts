/** Each property of the simulation is broken once, by a fake that lies: what cannot fail proves nothing. */
import { describe, expect, it } from 'vitest';
import type { BreakerState } from '../../src/actors/breaker/index.js';
import { effectiveOf } from '../../src/actors/breaker/index.js';
import { regions, type CollectorState } from '../../src/actors/collector/index.js';
import type { Journal, NewEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import { neverReached, SOMETIMES } from '../support/simulation-branches.js';
import { simulate, type SimOptions } from '../support/simulation-run.js';
import type { SimCall } from '../support/simulation-upstream.js';
import type { World } from '../support/simulation-world.js';

/** Not every seed gives an opportunity for every trick. */
const SEEDS = Array.from({ length: 12 }, (_, n) => 11 + n);

type Sabotage = NonNullable<SimOptions['sabotage']>;

/** What the first seed in which something was found says. */
async function broken(sabotage: Sabotage, options: SimOptions = {}): Promise<string> {
  for (const seed of SEEDS) {
    const { failure } = await simulate(seed, { ...options, sabotage });
    if (failure !== undefined) return `${failure.property}: ${failure.what}`;
  }
  return 'nothing was found';
}

/** Looks every second until it could play its trick. */
function everySecond(world: World, play: () => boolean): void {
  world.time.after(SECOND_MS, () => {
    if (!play()) everySecond(world, play);
  });
}

/** A journal that changes what it is given before it stores it, or does not store it at all. */
function lying(
  world: World,
  lie: (honest: Journal, ...args: Parameters<Journal['append']>) => ReturnType<Journal['append']>,
): void {
  world.bend.journal = (honest) => ({
    ...honest,
    append: (stream, expected, events) => lie(honest, stream, expected, events),
  });
}

/** A call that goes around the door, though a unit is reserved for it and its pace is right. */
function smuggle(world: World, laterMs = 1e9): void {
  const at = world.time.monotonic() + laterMs;
  const fact = { type: 'UnitsReserved', atMs: 0, collector: 'bars-a', calls: 1, block: String(at) };
  world.sends.onFact('limiter-binance-ip', fact);
  world.sends.sent({ collector: 'bars-a', provider: 'binance', weight: 2, at });
}

const breakerOf = (world: World) =>
  world.history.state('breaker-bars-a') as BreakerState | undefined;

const collectorOf = (world: World) =>
  world.history.state('collector-bars-a') as CollectorState | undefined;

/** Plays its trick at a fact, once the states are as it wants them. */
function atFact(world: World, play: (type: string) => void): void {
  const { onFact } = world.judge;
  Object.assign(world.judge, {
    onFact(stream: string, fact: Parameters<typeof onFact>[1]) {
      onFact(stream, fact);
      play(fact.type);
    },
  });
}

describe('a simulation in which something lies', () => {
  it('P1: finds a journal that acknowledges what it did not store', async () => {
    const found = await broken((world) => {
      lying(world, (honest, stream, expected, events) =>
        events.some(({ metadata }) => metadata.actor === 'ada')
          ? Promise.resolve({
              kind: 'appended',
              revision: expected + events.length,
              position: world.store.log.length + 1,
            })
          : honest.append(stream, expected, events),
      );
    });
    expect(found).toMatch(/^P1: .* is acknowledged and not stored/);
  });

  it('P1: finds what was acknowledged and is gone', async () => {
    const found = await broken((world) => {
      everySecond(world, () => {
        const [first] = world.acknowledged;
        if (first === undefined) return false;
        world.acknowledged.push({ ...first, position: first.position + 1 });
        return true;
      });
    });
    expect(found).toMatch(/^P1: .* was acknowledged and is gone/);
  });

  it('P2: finds a batch that does not fold to the state recorded with it', async () => {
    const found = await broken((world) => {
      lying(world, (honest, stream, expected, events) => {
        const bent = events.map((event): NewEvent => {
          if (event.type !== 'RunSucceeded') return event;
          return { ...event, metadata: { ...event.metadata, stateHash: '0'.repeat(32) } };
        });
        return honest.append(stream, expected, bent);
      });
    });
    expect(found).toMatch(/^P2: collector-.* folds to another state/);
  });

  it('P4: finds a live state that is not the fold of its stream', async () => {
    const found = await broken((world) => {
      world.time.after(5 * MINUTE_MS, () => {
        const stream = 'collector-bars-a';
        const state = world.history.state(stream) as unknown as CollectorState;
        const live = { ...state, context: { ...state.context, generation: -1 } };
        const revision = (world.store.streams.get(stream)?.length ?? 0) - 1;
        world.history.catchUp();
        world.history.compare(stream, revision, live);
      });
    });
    expect(found).toMatch(/^P4: collector-bars-a/);
  });

  it('P5: finds a moment that runs back', async () => {
    const found = await broken((world) => {
      lying(world, (honest, stream, expected, events) => {
        const bent = events.map((event): NewEvent => {
          if (event.type !== 'RunSucceeded') return event;
          const data: JsonObject = { ...event.data, atMs: Number(event.data['atMs']) - 60_000 };
          return { ...event, data };
        });
        return honest.append(stream, expected, bent);
      });
    });
    expect(found).toMatch(/^P5: collector-.*: at runs back/);
  });

  it('P6: finds one call more than was reserved: an upstream whose count is off by one', async () => {
    const found = await broken((world) => {
      world.time.after(5 * MINUTE_MS, () => {
        const account = world.sends.accounts.get('bars-a');
        if (account !== undefined) account.seen += 1;
      });
    });
    expect(found).toMatch(/^P6: bars-a: \d+ calls seen, \d+ reserved, \d+ of them returned/);
  });

  it('P6: finds calls that were settled as sent and never seen', async () => {
    const found = await broken(
      (world) => {
        const { sent } = world.sends;
        let calls = 0;
        Object.assign(world.sends, {
          sent(call: SimCall) {
            calls += 1;
            if (calls !== 20) sent(call);
          },
        });
      },
      { faultsMs: 0, calmMs: 30 * MINUTE_MS },
    );
    expect(found).toMatch(/^P6: .* calls settled as sent/);
  });

  it.each(['open', 'forced_open'] as const)('P8: finds a call while it is %s', async (wanted) => {
    const found = await broken((world) => {
      everySecond(world, () => {
        const state = breakerOf(world);
        if (state === undefined || effectiveOf(state) !== wanted) return false;
        smuggle(world);
        return true;
      });
    });
    expect(found).toBe(`P8: bars-a sends while its breaker is ${wanted}`);
  });

  it('P8: finds a fourth probe of one generation', async () => {
    const found = await broken((world) => {
      atFact(world, (type) => {
        const [breaker, collector] = [breakerOf(world), collectorOf(world)];
        if (type !== 'RunStarted' || breaker === undefined || collector === undefined) return;
        const isProbing = effectiveOf(breaker) === 'half_open';
        if (!isProbing || regions(collector).activity !== 'collecting') return;
        for (let probe = 1; probe <= 4; probe += 1) smuggle(world, probe * 1e9);
      });
    });
    expect(found).toMatch(/^P8: bars-a: probe 4 of generation \d+$/);
  });

  it.each(['disabled', 'suspended'] as const)(
    "P8': finds a call while it is %s",
    async (wanted) => {
      const found = await broken((world) => {
        everySecond(world, () => {
          const [breaker, collector] = [breakerOf(world), collectorOf(world)];
          if (breaker === undefined || collector === undefined) return false;
          const { desired, suspension } = regions(collector);
          if (effectiveOf(breaker) !== 'closed') return false;
          if (desired !== wanted && suspension !== wanted) return false;
          smuggle(world);
          return true;
        });
      });
      expect(found).toContain("P8': bars-a sends while it is ");
      expect(found).toContain(wanted);
    },
  );

  it('P9: finds a clock whose timers fire a second early', async () => {
    const found = await broken((world) => {
      world.bend.clock = (honest) => ({
        ...honest,
        after: (delay, task) => honest.after(delay > 30_000 ? delay - 1000 : delay, task),
      });
    });
    expect(found).toMatch(/^P9: .* fired 1000.* ms early/);
  });

  it('P10: finds a timer that never fires', async () => {
    const found = await broken(
      (world) => {
        let timers = 0;
        world.bend.clock = (honest) => ({
          ...honest,
          after(delay, task) {
            if (delay > 60_000 && delay < 130_000) timers += 1;
            return timers === 3 ? () => undefined : honest.after(delay, task);
          },
        });
      },
      { faultsMs: 0, calmMs: 30 * MINUTE_MS },
    );
    expect(found).toMatch(/^P10: /);
  });

  it('P10: finds that not everything settled: an upstream that stays down', async () => {
    const found = await broken(
      (world) => {
        everySecond(world, () => {
          world.upstream.weather('binance', { fault: 'down', share: 1 });
          return false;
        });
      },
      { faultsMs: 0, calmMs: 60 * MINUTE_MS },
    );
    expect(found).toMatch(/^P10: bars-/);
  });

  it('P11: finds a rejection that nobody handles, and says which', async () => {
    const found = await broken((world) => {
      world.time.after(MINUTE_MS, () => void Promise.reject(new Error('nobody cares')));
    });
    expect(found).toMatch(/^P11: unhandled rejection: Error: nobody cares/);
  });

  it('P11: finds what turns in circles', async () => {
    const found = await broken((world) => {
      const circle = (): void => void world.time.after(0, circle);
      world.time.after(MINUTE_MS, circle);
    });
    expect(found).toMatch(/^P11: it turns in circles/);
  });

  it('P11: finds a queue without a bound', async () => {
    const found = await broken((world) => {
      world.bend.clock = (honest) => {
        for (let n = 0; n < 200; n += 1) honest.after(1e9 + n, () => undefined);
        return honest;
      };
    });
    expect(found).toMatch(/^P11: \d+ timers are armed/);
  });

  it('P12: finds a call before a pause is over: an upstream that asked for a minute more', async () => {
    const found = await broken((world) => {
      const { came } = world.sends;
      Object.assign(world.sends, {
        came(call: SimCall, answer: Parameters<typeof came>[1]) {
          const { pauseMs } = answer;
          came(call, pauseMs === undefined ? answer : { ...answer, pauseMs: pauseMs + 600_000 });
        },
      });
    });
    expect(found).toMatch(/^P12: .* before the pause of/);
  });

  it('P12: finds a call too much in a window the upstream told about', async () => {
    const found = await broken((world) => {
      const { came } = world.sends;
      Object.assign(world.sends, {
        came(call: SimCall, answer: Parameters<typeof came>[1]) {
          const { used } = answer;
          came(call, used === undefined ? answer : { ...answer, used: { ...used, units: 39 } });
        },
      });
    });
    expect(found).toMatch(/^P12: .* sends unit 41 of 40/);
  });

  it('P12: finds a pace that is faster than the cap', async () => {
    const found = await broken((world) => {
      atFact(world, (type) => {
        const collector = collectorOf(world);
        if (type !== 'RunStarted' || collector === undefined) return;
        if (regions(collector).activity !== 'collecting') return;
        for (const laterMs of [1e9, 1e9 + 50]) smuggle(world, laterMs);
      });
    });
    expect(found).toMatch(/^P12: bars-a sends 50 ms after its last call, at 4.000 a second/);
  });

  it('records: finds one that is missing', async () => {
    const found = await broken(
      (world) => {
        world.time.after(29 * MINUTE_MS, () => {
          const stored = world.records.records.get('bars-a');
          const [first] = stored?.keys() ?? [];
          stored?.delete(first ?? '');
        });
      },
      { faultsMs: 0, calmMs: 30 * MINUTE_MS },
    );
    expect(found).toMatch(/^records: bars-a: kline:.* is not in the sink/);
  });

  it('records: finds a cursor that goes back without being set', async () => {
    const found = await broken((world) => {
      const { onFact } = world.judge;
      let pages = 0;
      Object.assign(world.judge, {
        onFact(stream: string, fact: Parameters<typeof onFact>[1]) {
          if (fact.type === 'RunProgressed' && stream === 'collector-bars-a') pages += 1;
          const isBent = pages === 9 && fact.type === 'RunProgressed';
          onFact(stream, isBent ? { ...fact, cursor: '{"next":1}' } : fact);
        },
      });
    });
    expect(found).toMatch(/^records: .*: the cursor goes back/);
  });

  it('sometimes: names the branches that were never reached', () => {
    const all = new Map(SOMETIMES.map((branch) => [branch, 1]));
    expect(neverReached(all)).toEqual([]);
    all.delete('UnitsSettled expired by recovery');
    expect(neverReached(all)).toEqual(['UnitsSettled expired by recovery']);
    expect(neverReached(new Map())).toEqual(SOMETIMES);
  });
});
