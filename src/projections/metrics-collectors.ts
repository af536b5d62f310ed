/**
 * What the read models know of each collector, for Prometheus: usage, money, quotas, ages, health.
 *
 * Counters are kept in the read model, so they go on over a restart and never fall: open blocks, which
 * a settlement may correct downwards, are in the gauges only.
 */
import { withLabel, type Labels, type MetricFamily, type Sample } from '../kernel/observe.js';
import type { EpochMs } from '../kernel/types.js';
import type { CostQueries } from './cost-view.js';
import type { Spent } from './cost-ledgers.js';
import { HEALTH_WORDS } from './health.js';
import type { CollectorDocs, CostView, HealthView } from './views.js';

const MICROS = 1_000_000;

/** How a collector stands at one moment. */
export type Standing = {
  readonly docs: CollectorDocs;
  readonly health: HealthView;
  readonly costs: CostView | undefined;
};

export type CollectorQuestions = Pick<CostQueries, 'spent'> & {
  readonly names: () => readonly string[];
  readonly standing: (name: string, now: EpochMs) => Standing | undefined;
};

type Row = Standing & {
  readonly labels: Labels;
  readonly scopes: readonly (Spent & { readonly labels: Labels; readonly currency: string })[];
};

type Pieces = Generator<MetricFamily | undefined, void, undefined>;

/** Collectors looked at in one piece. */
const PIECE_COLLECTORS = 50;

/**
 * Labels: collectors, scopes, buckets and currencies of the configuration, and words of ours. They are
 * made once per collector: what never changes is not written anew at each scrape.
 */
export function collectorMetrics(of: CollectorQuestions): (now: EpochMs) => Pieces {
  const known = new Map<string, Labels>();
  const labelsOf = (collector: string): Labels => {
    const labels = known.get(collector) ?? { collector };
    known.set(collector, labels);
    return labels;
  };
  return function* (now) {
    const rows: Row[] = [];
    for (const [index, collector] of of.names().entries()) {
      if (index % PIECE_COLLECTORS === 0) yield undefined;
      const standing = of.standing(collector, now);
      if (standing === undefined) continue;
      const labels = labelsOf(collector);
      const scopes = standing.docs.limiters.map(({ scope, currency }) => ({
        labels: withLabel(labels, 'scope', scope),
        currency,
        ...of.spent(collector, scope),
      }));
      rows.push({ labels, scopes, ...standing });
    }
    yield* healthFamilies(rows);
    yield* spentFamilies(rows);
    yield* quotaFamilies(rows);
  };
}

type Value = number | null | undefined;

/** One series per collector that has the number. */
function perCollector(
  rows: readonly Row[],
  value: (row: Row) => Value,
  labels: (row: Row) => Labels = (row) => row.labels,
): readonly Sample[] {
  return rows.flatMap((row) => {
    const told = value(row);
    return told === null || told === undefined ? [] : [{ labels: labels(row), value: told }];
  });
}

function seconds(at: EpochMs | null): number | null {
  return at === null ? null : at / 1000;
}

function* healthFamilies(rows: readonly Row[]): Pieces {
  yield {
    name: 'headgate_collector_health',
    help: 'The word for a collector, 1 for the one that holds.',
    type: 'gauge',
    samples: rows.flatMap(({ labels, health }) =>
      HEALTH_WORDS.map((word) => ({
        labels: withLabel(labels, 'health', word),
        value: word === health.health ? 1 : 0,
      })),
    ),
  };
  yield {
    name: 'headgate_collector_health_score',
    help: 'The score of the last hour, 0 to 1; none while disabled.',
    type: 'gauge',
    samples: perCollector(rows, ({ health }) => health.score),
  };
  yield {
    name: 'headgate_collector_last_success_timestamp_seconds',
    help: 'When a run last succeeded, since the Unix epoch.',
    type: 'gauge',
    samples: perCollector(rows, ({ docs }) => seconds(docs.collector.lastSuccessAt)),
  };
  yield {
    name: 'headgate_collector_last_new_data_timestamp_seconds',
    help: 'When something new last arrived, since the Unix epoch.',
    type: 'gauge',
    samples: perCollector(rows, ({ docs }) => seconds(docs.collector.lastNewDataAt)),
  };
}

function* spentFamilies(rows: readonly Row[]): Pieces {
  const perScope = rows.flatMap(({ scopes }) => scopes);
  yield {
    name: 'headgate_usage_units_total',
    help: 'Units charged by blocks that ended, since the first; a lost block counts whole.',
    type: 'counter',
    samples: perScope.flatMap(({ labels, units }) =>
      Object.entries(units).map(([bucket, value]) => ({
        labels: withLabel(labels, 'bucket', bucket),
        value,
      })),
    ),
  };
  yield {
    name: 'headgate_usage_cost_total',
    help: 'Money for those units, in units of the currency.',
    type: 'counter',
    samples: perScope.map(({ labels, currency, costMicros }) => ({
      labels: withLabel(labels, 'currency', currency),
      value: costMicros / MICROS,
    })),
  };
}

/** A quota is its scope's: collectors that share one show the same limit and the same rest. */
function* quotaFamilies(rows: readonly Row[]): Pieces {
  const money = ({ labels, costs }: Row): Labels =>
    withLabel(labels, 'currency', costs?.currency ?? '');
  yield {
    name: 'headgate_month_cost',
    help: 'Money of this calendar month (UTC), open blocks included, in units of the currency.',
    type: 'gauge',
    samples: perCollector(rows, ({ costs }) => costs && costs.monthCostMicros / MICROS, money),
  };
  yield {
    name: 'headgate_period_units',
    help: 'Units this collector used in the current period of its quota, open blocks included.',
    type: 'gauge',
    samples: perCollector(rows, ({ costs }) => costs?.units),
  };
  yield {
    name: 'headgate_quota_limit_units',
    help: 'Units the quota of its scope has in a period; none without a quota.',
    type: 'gauge',
    samples: perCollector(rows, ({ costs }) => costs?.quota),
  };
  yield {
    name: 'headgate_quota_remaining_units',
    help: 'Units left of it for the whole scope; none without a quota.',
    type: 'gauge',
    samples: perCollector(rows, ({ costs }) => costs?.quotaRemaining),
  };
}
