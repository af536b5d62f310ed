/** What the actors' room tells Prometheus: states as state sets, machinery, limiters. */
import {
  histogramSamples,
  type MetricFamily,
  type MetricSource,
  type Sample,
} from '../kernel/observe.js';
import { effectiveOf } from './breaker/index.js';
import { factFamilies } from './metrics-facts.js';
import type { Host, HostStatistics } from './host.js';
import type { RunningEngine } from './steer.js';
import type { Member } from './assembly.js';

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

/** Watches the engine from now on: call it once, as soon as the engine runs. */
export function engineMetrics(engine: RunningEngine, host: Host): MetricSource {
  const facts = factFamilies(engine);
  return () => [
    ...facts(),
    ...collectorFamilies(engine),
    ...limiterFamilies(engine),
    ...scopeFamilies(engine),
    ...machineryFamilies(host.statistics(), host.counts()),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: 'counter', samples };
}

/** One series per possible state, 1 for the one it is in: a state set, as OpenMetrics calls it. */
function stateSet(
  states: readonly string[],
  now: string,
  labels: Readonly<Record<string, string>>,
): readonly Sample[] {
  return states.map((state) => ({ labels: { ...labels, state }, value: state === now ? 1 : 0 }));
}

function collectorFamilies(engine: RunningEngine): readonly MetricFamily[] {
  const phases = engine.members.flatMap(({ setup }) =>
    stateSet(PHASES, engine.live(setup.name)?.phase ?? 'quarantined', { collector: setup.name }),
  );
  const breakers = engine.members.flatMap(({ setup, upstreams }) =>
    upstreams.flatMap(({ name, handle }) =>
      stateSet(BREAKER_STATES, effectiveOf(handle.state()), {
        collector: setup.name,
        upstream: name,
      }),
    ),
  );
  const inFlight = engine.members.map(({ setup, runtime }) => ({
    labels: { collector: setup.name },
    value: runtime.inFlight(),
  }));
  return [
    gauge('headgate_collector_state', 'What a collector is doing.', phases),
    gauge('headgate_breaker_state', 'What a circuit breaker lets through.', breakers),
    gauge('headgate_collector_runs_in_flight', 'Runs under way.', inFlight),
    counter(
      'headgate_breaker_opens_total',
      'How often a circuit breaker opened, since its last reset.',
      engine.members.flatMap(({ setup, upstreams }) =>
        upstreams.map(({ name, handle }) => ({
          labels: { collector: setup.name, upstream: name },
          value: handle.state().context.statistics.circuitOpens,
        })),
      ),
    ),
  ];
}

function limiterFamilies(engine: RunningEngine): readonly MetricFamily[] {
  const rows = engine.members.flatMap((member) => liveLimiters(engine, member));
  const of = (value: (row: (typeof rows)[number]) => number): readonly Sample[] =>
    rows.map((row) => ({ labels: row.labels, value: value(row) }));
  return [
    gauge(
      'headgate_limiter_rate_requests_per_second',
      'The rate in force now.',
      of(({ live }) => live.currentRate),
    ),
    gauge(
      'headgate_limiter_backoff_factor',
      'By how much the rate is cut; 1 is not at all.',
      of(({ live }) => live.currentBackoff),
    ),
    gauge(
      'headgate_limiter_queue_length',
      'Calls waiting for a permit.',
      of(({ live }) => live.queued),
    ),
    counter(
      'headgate_limiter_permits_total',
      'Permits by what became of the wish for one.',
      rows.flatMap(({ labels, live }) =>
        (['admitted', 'delayed', 'rejected'] as const).map((result) => ({
          labels: { ...labels, result },
          value: live.counters[result],
        })),
      ),
    ),
  ];
}

/** What is the scope's and no collector's. */
function scopeFamilies(engine: RunningEngine): readonly MetricFamily[] {
  const scopes = engine.scopes.map(({ name, gate }) => ({
    labels: { scope: name },
    numbers: gate.numbers(),
  }));
  return [
    {
      name: 'headgate_limiter_wait_seconds',
      help: 'From asking for a permit to having it, of the calls admitted.',
      type: 'histogram',
      samples: scopes.flatMap(({ labels, numbers }) =>
        histogramSamples(numbers.waitSeconds, labels),
      ),
    },
    gauge(
      'headgate_limiter_open_blocks',
      'Reservation blocks that are not settled yet.',
      scopes.map(({ labels, numbers }) => ({ labels, value: numbers.openBlocks })),
    ),
    counter(
      'headgate_limiter_malformed_headers_total',
      'Limit headers that made no sense and were ignored.',
      scopes.map(({ labels, numbers }) => ({ labels, value: numbers.malformedHeaders })),
    ),
  ];
}

function liveLimiters(engine: RunningEngine, { setup }: Member) {
  const limiters = engine.live(setup.name)?.limiters ?? {};
  return Object.entries(limiters).map(([scope, live]) => ({
    labels: { collector: setup.name, scope },
    live,
  }));
}

function machineryFamilies(
  statistics: HostStatistics,
  counts: ReturnType<Host['counts']>,
): readonly MetricFamily[] {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
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
