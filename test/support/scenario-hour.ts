/**
 * An hour (and more) of all eight collectors under one scenario, looked at every ten seconds.
 *
 * What is default and what is not: limits, breakers, retries, the limiter, options are the product's own,
 * and so are the intervals of historical (1 min) and reddit (2 min). The other six run once a minute
 * (stock_index, with its twelve requests: every other), for at their own 5 to 30 minutes an hour holds 2
 * to 12 runs, of which a tenth cannot be told. `slow-death`
 * has the demo's request timeout (4 s): two to three seconds are nothing to the default of ten.
 */
import type { RunningEngine } from '../../src/actors/index.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import type { ScenarioChoice, ScenarioName } from '../../src/sources/sandbox/index.js';
import { scenarioWorld, type Process, type World, type WorldOptions } from './scenario-world.js';

/** What one look at a running engine shows. */
export type Look = {
  readonly at: EpochMs;
  readonly why: readonly {
    readonly collector: string;
    readonly sentence: string;
    readonly changesAt?: EpochMs;
  }[];
  /** Commands that wait in mailboxes, timers armed, calls that wait for a permit, open blocks. */
  readonly commands: number;
  readonly timers: number;
  readonly waiting: number;
  readonly blocks: number;
};

/** Who asks whom, and what guards it. */
export type Route = {
  readonly collector: string;
  readonly provider: string;
  readonly isPrimary: boolean;
  /** Streams of its breaker and its limiter. */
  readonly breaker: string;
  readonly limiter: string;
  readonly cadenceMs: number;
};

export type Fact = {
  readonly stream: string;
  readonly type: string;
  readonly at: EpochMs;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Hour = {
  readonly world: World;
  readonly process: Process;
  readonly looks: readonly Look[];
  readonly routes: readonly Route[];
  readonly facts: readonly Fact[];
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** Where the scenario has nothing more to say. */
  readonly faultsEnd: EpochMs;
};

export type HourOptions = Omit<WorldOptions, 'flags'> & {
  readonly scenario: ScenarioName;
  readonly providers?: ScenarioChoice['providers'];
  readonly stretch?: number;
  readonly flags?: Readonly<Record<string, string>>;
  readonly forMs?: number;
  /** Called once it runs, before the scenario begins: to bend something. */
  readonly begun?: (world: World, process: Process) => void;
  /** In place of what the engine tells, for the tests which prove that a lie is found. */
  readonly told?: (look: Look) => Look;
};

const LOOK_EVERY_MS = 10 * SECOND_MS;
/** A phase of seconds lasts minutes: long enough for five failures at a run a minute. */
export const STRETCH = 15;
/** Two provider windows of the slowest (15 min), and one to measure in, after the longest of waits. */
export const LASTS_MS = 85 * MINUTE_MS;

const ONCE_A_MINUTE = ['moralis', 'glassnode', 'twitter', 'lunarcrush', 'sentiment'];

export function flagsOf(scenario: ScenarioName): Readonly<Record<string, string>> {
  const intervals = ONCE_A_MINUTE.map((name) => [`collectors.${name}.interval_ms`, '60000']);
  const timeout = scenario === 'slow-death' ? [['http.request_timeout_ms', '4000']] : [];
  const every = ['collectors.stock_index.interval_ms', '120000'];
  return Object.fromEntries([...intervals, every, ...timeout]) as Record<string, string>;
}

/** A Monday when exchanges trade; of plans, half an hour before a day, a month and a quarter end. */
export function beginsAt(scenario: ScenarioName): EpochMs {
  return scenario === 'quota-gone' ? Date.UTC(2026, 2, 31, 23, 30) : Date.UTC(2026, 0, 5, 14);
}

export async function playHour(options: HourOptions): Promise<Hour> {
  const {
    scenario,
    providers,
    stretch = STRETCH,
    forMs = LASTS_MS,
    told = (look: Look) => look,
  } = options;
  const world = scenarioWorld({
    at: beginsAt(scenario),
    ...options,
    flags: { ...flagsOf(scenario), ...options.flags },
  });
  const process = await world.start();
  const { control } = world.sandbox;
  options.begun?.(world, process);
  const from = world.now();
  let faultsEnd = from;
  control.onScenario(({ phase, phases, number }) => {
    // The last phase of each is the calm after it; so is all of `calm`.
    if (phase === null || number < phases) return;
    faultsEnd = world.now();
  });
  const chosen = providers === undefined ? {} : { providers };
  control.playScenario({ name: scenario, stretch, ...chosen });
  const looks: Look[] = [];
  while (world.now() < from + forMs) {
    await world.pass(LOOK_EVERY_MS);
    looks.push(told(lookAt(world, process)));
  }
  const facts = world.store.log.map(({ stream, type, data }): Fact => {
    const parsed = JSON.parse(data) as Readonly<Record<string, unknown>>;
    return { stream, type, at: Number(parsed['atMs']), data: parsed };
  });
  const routes = routesOf(process.engine);
  return { world, process, looks, routes, facts, from, to: world.now(), faultsEnd };
}

function lookAt(world: World, { clock, engine, host }: Process): Look {
  const numbers = engine.scopes.map(({ gate }) => gate.numbers());
  return {
    at: world.now(),
    why: engine.names().map((collector) => {
      const why = engine.live(collector)?.why ?? { sentence: 'it is not there' };
      return { collector, ...why };
    }),
    commands: host.counts().queued,
    timers: clock.pending(),
    waiting: Math.max(...numbers.map(({ queued }) => queued)),
    blocks: Math.max(...numbers.map(({ openBlocks }) => openBlocks)),
  };
}

export function routesOf({ members }: RunningEngine): readonly Route[] {
  return members.flatMap(({ setup, upstreams }) =>
    upstreams.map(({ name, handle, scope }, index): Route => {
      return {
        collector: setup.name,
        provider: setup.upstreams[name]?.profile.provider ?? '',
        isPrimary: index === 0,
        breaker: handle.stream,
        limiter: scope.handle.stream,
        cadenceMs: setup.cadenceMs,
      };
    }),
  );
}

/** At least an hour, whatever the measuring takes. */
export const AN_HOUR_MS = HOUR_MS;

/** Facts of one type, as far as they are of this stream. */
export function of(hour: Pick<Hour, 'facts'>, type: string, stream?: string): readonly Fact[] {
  return hour.facts.filter(
    (fact) => fact.type === type && (stream === undefined || fact.stream === stream),
  );
}

export function numberIn({ data }: Fact, name: string): number {
  const value = data[name];
  return typeof value === 'number' ? value : 0;
}
