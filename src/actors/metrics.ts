/** What the actors' room tells Prometheus: states as state sets, machinery, limiters. */
import {
  histogramSamples,
  withLabel,
  type Labels,
  type MetricFamily,
  type MetricPieces,
  type Sample,
} from '../kernel/observe.js';
import { effectiveOf } from './breaker/index.js';
import { factFamilies } from './metrics-facts.js';
import { permitFamilies } from './permit-metrics.js';
import type { Host, HostStatistics } from './host.js';
import type { RunningEngine } from './steer.js';
import type { Member, Upstream } from './assembly.js';
import type { Scope } from './scopes.js';
import { phaseOf } from './why.js';

const PHASES = [
  'stopped',
  'starting',
  'idle',
  'collecting',
  'waiting',
  'draining',
  'restarting',
  'quarantined',
] as const;

const BREAKER_STATES = [
  'closed',
  'open',
  'half_open',
  'forced_open',
  'metrics_only',
  'disabled',
] as const;

/** What is told, with labels made once: what never changes is not written anew at each scrape. */
type Roster = {
  readonly members: readonly (Member & { readonly labels: Labels })[];
  readonly upstreams: readonly (Upstream & { readonly labels: Labels })[];
  /** A collector and a scope that it draws from. */
  readonly draws: readonly {
    readonly collector: string;
    readonly scope: Scope;
    readonly labels: Labels;
  }[];
  readonly scopes: readonly (Scope & { readonly labels: Labels })[];
};

function rosterOf({ members, scopes }: RunningEngine): Roster {
  return {
    members: members.map((member) => ({ ...member, labels: { collector: member.setup.name } })),
    upstreams: members.flatMap(({ setup, upstreams }) =>
      upstreams.map((upstream) => ({
        ...upstream,
        labels: { collector: setup.name, upstream: upstream.name },
      })),
    ),
    draws: members.flatMap(({ setup, upstreams }) => {
      const collector = setup.name;
      const drawn = [...new Set(upstreams.map(({ scope }) => scope))];
      return drawn.map((scope) => {
        return { collector, scope, labels: { collector, scope: scope.name } };
      });
    }),
    scopes: scopes.map((scope) => ({ ...scope, labels: { scope: scope.name } })),
  };
}

/** Watches the engine from now on: call it once, as soon as the engine runs. */
export function engineMetrics(engine: RunningEngine, host: Host): MetricPieces {
  const facts = factFamilies(engine);
  const roster = rosterOf(engine);
  return function* () {
    yield* facts();
    yield* collectorFamilies(roster);
    yield* limiterFamilies(roster);
    yield* scopeFamilies(roster);
    yield* permitFamilies(engine.permits);
    yield* machineryFamilies(host.statistics(), host.counts());
  };
}

type Pieces = Generator<MetricFamily | undefined, void, undefined>;

/** Things looked at in one piece. */
const PIECE = 50;

/** The samples of many things, a piece at a time. */
function* sampled<T>(
  things: readonly T[],
  samplesOf: (thing: T) => readonly Sample[],
): Generator<undefined, readonly Sample[], undefined> {
  const samples: Sample[] = [];
  for (const [index, thing] of things.entries()) {
    if (index % PIECE === 0) yield undefined;
    samples.push(...samplesOf(thing));
  }
  return samples;
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: 'counter', samples };
}

/** One series per possible state, 1 for the one it is in: a state set, as OpenMetrics calls it. */
function stateSet(states: readonly string[], now: string, labels: Labels): readonly Sample[] {
  return states.map((state) => ({
    labels: withLabel(labels, 'state', state),
    value: state === now ? 1 : 0,
  }));
}

function* collectorFamilies({ members, upstreams }: Roster): Pieces {
  const phases = yield* sampled(members, ({ handle, labels }) => {
    const quarantined = handle.quarantined();
    const phase = quarantined === undefined ? phaseOf(handle.state(), undefined) : 'quarantined';
    return stateSet(PHASES, phase, labels);
  });
  yield gauge('headgate_collector_state', 'What a collector is doing.', phases);
  const breakers = yield* sampled(upstreams, ({ handle, labels }) =>
    stateSet(BREAKER_STATES, effectiveOf(handle.state()), labels),
  );
  yield gauge('headgate_breaker_state', 'What a circuit breaker lets through.', breakers);
  const inFlight = members.map(({ runtime, labels }) => ({ labels, value: runtime.inFlight() }));
  yield gauge('headgate_collector_runs_in_flight', 'Runs under way.', inFlight);
  yield counter(
    'headgate_breaker_opens_total',
    'How often a circuit breaker opened, since its last reset.',
    upstreams.map(({ handle, labels }) => ({
      labels,
      value: handle.state().context.statistics.circuitOpens,
    })),
  );
}

type DrawRow = {
  readonly labels: Labels;
  readonly live: ReturnType<Scope['gate']['live']>;
};

const PERMITS = ['admitted', 'delayed', 'rejected'] as const;

function* limiterFamilies({ draws }: Roster): Pieces {
  const rows: DrawRow[] = [];
  for (const { collector, scope, labels } of draws) {
    if (rows.length % PIECE === 0) yield undefined;
    rows.push({ labels, live: scope.gate.live(collector) });
  }
  const of = (value: (row: DrawRow) => number): readonly Sample[] =>
    rows.map((row) => ({ labels: row.labels, value: value(row) }));
  yield gauge(
    'headgate_limiter_rate_requests_per_second',
    'The rate in force now.',
    of(({ live }) => live.currentRate),
  );
  yield gauge(
    'headgate_limiter_backoff_factor',
    'By how much the rate is cut; 1 is not at all.',
    of(({ live }) => live.currentBackoff),
  );
  yield gauge(
    'headgate_limiter_queue_length',
    'Calls waiting for a permit.',
    of(({ live }) => live.queued),
  );
  const permits = yield* sampled(rows, ({ labels, live }) =>
    PERMITS.map((result) => ({
      labels: withLabel(labels, 'result', result),
      value: live.counters[result],
    })),
  );
  const help = 'Permits by what became of the wish for one.';
  yield counter('headgate_limiter_permits_total', help, permits);
}

/** What is the scope's and no collector's. */
function* scopeFamilies({ scopes }: Roster): Pieces {
  const waits = yield* sampled(scopes, ({ labels, gate }) =>
    histogramSamples(gate.numbers().waitSeconds, labels),
  );
  yield {
    name: 'headgate_limiter_wait_seconds',
    help: 'From asking for a permit to having it, of the calls admitted.',
    type: 'histogram',
    samples: waits,
  };
  yield undefined;
  const rows = scopes.map(({ labels, gate }) => ({ labels, numbers: gate.numbers() }));
  yield gauge(
    'headgate_limiter_open_blocks',
    'Reservation blocks that are not settled yet.',
    rows.map(({ labels, numbers }) => ({ labels, value: numbers.openBlocks })),
  );
  yield counter(
    'headgate_limiter_malformed_headers_total',
    'Limit headers that made no sense and were ignored.',
    rows.map(({ labels, numbers }) => ({ labels, value: numbers.malformedHeaders })),
  );
}

const ALONE: Labels = {};

function machineryFamilies(
  statistics: HostStatistics,
  counts: ReturnType<Host['counts']>,
): readonly MetricFamily[] {
  const one = (value: number): readonly Sample[] => [{ labels: ALONE, value }];
  const counted = (name: string, help: string, value: number): MetricFamily =>
    counter(`headgate_actor_${name}_total`, help, one(value));
  return [
    gauge('headgate_actors_known', 'Actors the host knows.', one(counts.known)),
    gauge('headgate_actors_resident', 'Actors in memory.', one(counts.resident)),
    gauge('headgate_actor_commands_queued', 'Commands waiting in mailboxes.', one(counts.queued)),
    counted('commands', 'Commands decided.', statistics.commands),
    counted('refusals', 'Commands refused.', statistics.refused),
    counted('facts', 'Facts made durable.', statistics.facts),
    counted('conflicts', 'Appends another writer was ahead of.', statistics.conflicts),
    counted('crashes', 'Decisions that threw.', statistics.crashes),
    counted('quarantines', 'Actors taken out of service.', statistics.quarantines),
    counted('loads', 'Actors loaded.', statistics.loads),
    counted('replayed_events', 'Events folded while loading.', statistics.replayed),
    counted('snapshots_ignored', 'Snapshots that were not believed.', statistics.snapshotsIgnored),
    counted('timers_fired', 'Timers that came due.', statistics.timersFired),
    {
      name: 'headgate_actor_load_seconds',
      help: 'How long loading an actor took.',
      type: 'histogram',
      samples: histogramSamples(statistics.loadSeconds),
    },
    {
      name: 'headgate_actor_decide_seconds',
      help: 'How long a decision took, its fold included.',
      type: 'histogram',
      samples: histogramSamples(statistics.decideSeconds),
    },
  ];
}
