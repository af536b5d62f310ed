/**
 * Counts what became durable in the running actors, for Prometheus. Counters begin with the process; what
 * was before is in the journal.
 *
 * Labels are bounded: names come from the configuration, the rest are words of the event schema.
 */
import type { MetricFamily } from '../kernel/observe.js';
import type { BreakerFact } from './breaker/index.js';
import type { CollectorFact } from './collector/index.js';
import type { LimiterFact } from './limiter/index.js';
import type { RunningEngine } from './steer.js';

type Labels = Readonly<Record<string, string>>;

/** One counter family; series appear as they are first counted. */
type Tally = {
  add(labels: Labels, by?: number): void;
  family(): MetricFamily;
};

function tally(name: string, help: string): Tally {
  const series = new Map<string, { readonly labels: Labels; value: number }>();
  return {
    add(labels, by = 1) {
      const key = Object.values(labels).join('\n');
      const known = series.get(key);
      if (known === undefined) series.set(key, { labels, value: by });
      else known.value += by;
    },
    family: () => ({
      name,
      help,
      type: 'counter',
      samples: [...series.values()].map(({ labels, value }) => ({ labels, value })),
    }),
  };
}

type Tallies = ReturnType<typeof tallies>;

function tallies() {
  return {
    breakers: tally(
      'headgate_breaker_transitions_total',
      'Changes of the automatic breaker, by what it was and what it became.',
    ),
    overrides: tally(
      'headgate_breaker_overrides_total',
      'Breakers held by hand, by what they were held as, and released (cleared).',
    ),
    collectors: tally(
      'headgate_collector_transitions_total',
      'Facts of a collector that are no part of a run.',
    ),
    runs: tally(
      'headgate_collector_runs_total',
      'Runs by how they ended, or why they were skipped.',
    ),
    limiters: tally(
      'headgate_limiter_transitions_total',
      'What a limiter learned or was told: cuts, recoveries, blocks, periods, settings.',
    ),
    requests: tally(
      'headgate_upstream_requests_total',
      'Requests sent to an upstream, by the class of their outcome; told when their block is settled.',
    ),
  };
}

/** Watches every actor of the engine for as long as it lives. */
export function factFamilies(engine: RunningEngine): () => Iterable<MetricFamily> {
  const counted = tallies();
  for (const { setup, handle, upstreams } of engine.members) {
    const collector = setup.name;
    handle.watch((notice) => {
      if (notice.phase !== 'durable') return;
      for (const fact of notice.facts) countCollector(counted, collector, fact);
    });
    for (const { name: upstream, handle: breaker } of upstreams) {
      breaker.watch((notice) => {
        if (notice.phase !== 'durable') return;
        for (const fact of notice.facts) countBreaker(counted, { collector, upstream }, fact);
      });
    }
  }
  for (const { name: scope, handle } of engine.scopes) {
    handle.watch((notice) => {
      if (notice.phase !== 'durable') return;
      for (const fact of notice.facts) countLimiter(counted, scope, fact);
    });
  }
  return function* () {
    for (const each of Object.values(counted)) yield each.family();
  };
}

function countCollector(
  { runs, collectors }: Tallies,
  collector: string,
  fact: CollectorFact,
): void {
  switch (fact.type) {
    case 'RunSucceeded':
      runs.add({ collector, outcome: 'ok' });
      return;
    case 'RunFailed':
      runs.add({ collector, outcome: fact.outcome });
      return;
    case 'RunUnknown':
      runs.add({ collector, outcome: 'unknown' });
      return;
    case 'RunBlocked':
      runs.add({ collector, outcome: `skipped_${fact.cause}` });
      return;
    case 'RunStarted':
    case 'RunProgressed':
      return;
    default:
      collectors.add({ collector, fact: fact.type });
  }
}

function countBreaker(
  { breakers, overrides }: Tallies,
  of: { readonly collector: string; readonly upstream: string },
  fact: BreakerFact,
): void {
  switch (fact.type) {
    case 'BreakerTripped':
    case 'BreakerProbing':
    case 'BreakerRecovered':
    case 'BreakerReopened':
    case 'BreakerReset': {
      const { from, to } = fact.transition ?? { from: '', to: '' };
      breakers.add({ ...of, from, to });
      return;
    }
    case 'BreakerForced':
      overrides.add({ ...of, override: fact.override });
      return;
    case 'BreakerOverrideCleared':
      overrides.add({ ...of, override: 'cleared' });
      return;
    default:
      return;
  }
}

function countLimiter({ limiters, requests }: Tallies, scope: string, fact: LimiterFact): void {
  switch (fact.type) {
    case 'UnitsReserved':
    case 'QuotaObserved':
      return;
    case 'UnitsSettled': {
      const { collector, usage, sent } = fact;
      for (const { endpoint, outcome, calls } of usage) {
        requests.add({ collector, endpoint, class: outcome }, calls);
      }
      const told = usage.reduce((sum, { calls }) => sum + calls, 0);
      // Of a block nobody settled, only the number is known.
      if (sent > told) requests.add({ collector, endpoint: '', class: 'unknown' }, sent - told);
      return;
    }
    default:
      limiters.add({ scope, fact: fact.type });
  }
}
