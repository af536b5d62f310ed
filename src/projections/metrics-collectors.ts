/**
 * What the read models know of each collector, for Prometheus: usage, money, quotas, ages, health.
 *
 * Counters are kept in the read model, so they go on over a restart and never fall: open blocks, which
 * a settlement may correct downwards, are in the gauges only.
 */
import type { MetricFamily, Sample } from '../kernel/observe.js';
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
  readonly collector: string;
  readonly scopes: readonly (Spent & { readonly scope: string; readonly currency: string })[];
};

/** Labels: collectors, scopes, buckets and currencies of the configuration, and words of ours. */
export function collectorMetrics(of: CollectorQuestions, now: EpochMs): readonly MetricFamily[] {
  const rows = of.names().flatMap((collector): readonly Row[] => {
    const standing = of.standing(collector, now);
    if (standing === undefined) return [];
    const scopes = standing.docs.limiters.map(({ scope, currency }) => ({
      scope,
      currency,
      ...of.spent(collector, scope),
    }));
    return [{ collector, scopes, ...standing }];
  });
  return [...healthFamilies(rows), ...spentFamilies(rows), ...quotaFamilies(rows)];
}

type Value = number | null | undefined;

/** One series per collector that has the number. */
function perCollector(
  rows: readonly Row[],
  value: (row: Row) => Value,
  labels: (row: Row) => Sample['labels'] = ({ collector }) => ({ collector }),
): readonly Sample[] {
  return rows.flatMap((row) => {
    const told = value(row);
    return told === null || told === undefined ? [] : [{ labels: labels(row), value: told }];
  });
}

function seconds(at: EpochMs | null): number | null {
  return at === null ? null : at / 1000;
}

function healthFamilies(rows: readonly Row[]): readonly MetricFamily[] {
  return [
    {
      name: 'headgate_collector_health',
      help: 'The word for a collector, 1 for the one that holds.',
      type: 'gauge',
      samples: rows.flatMap(({ collector, health }) =>
        HEALTH_WORDS.map((word) => ({
          labels: { collector, health: word },
          value: word === health.health ? 1 : 0,
        })),
      ),
    },
    {
      name: 'headgate_collector_health_score',
      help: 'The score of the last hour, 0 to 1; none while disabled.',
      type: 'gauge',
      samples: perCollector(rows, ({ health }) => health.score),
    },
    {
      name: 'headgate_collector_last_success_timestamp_seconds',
      help: 'When a run last succeeded, since the Unix epoch.',
      type: 'gauge',
      samples: perCollector(rows, ({ docs }) => seconds(docs.collector.lastSuccessAt)),
    },
    {
      name: 'headgate_collector_last_new_data_timestamp_seconds',
      help: 'When something new last arrived, since the Unix epoch.',
      type: 'gauge',
      samples: perCollector(rows, ({ docs }) => seconds(docs.collector.lastNewDataAt)),
    },
  ];
}

function spentFamilies(rows: readonly Row[]): readonly MetricFamily[] {
  const perScope = rows.flatMap(({ collector, scopes }) =>
    scopes.map((scope) => ({ collector, ...scope })),
  );
  return [
    {
      name: 'headgate_usage_units_total',
      help: 'Units charged by blocks that ended, since the first; a lost block counts whole.',
      type: 'counter',
      samples: perScope.flatMap(({ collector, scope, units }) =>
        Object.entries(units).map(([bucket, value]) => ({
          labels: { collector, scope, bucket },
          value,
        })),
      ),
    },
    {
      name: 'headgate_usage_cost_total',
      help: 'Money for those units, in units of the currency.',
      type: 'counter',
      samples: perScope.map(({ collector, scope, currency, costMicros }) => ({
        labels: { collector, scope, currency },
        value: costMicros / MICROS,
      })),
    },
  ];
}

/** A quota is its scope's: collectors that share one show the same limit and the same rest. */
function quotaFamilies(rows: readonly Row[]): readonly MetricFamily[] {
  const money = ({ collector, costs }: Row): Sample['labels'] => ({
    collector,
    currency: costs?.currency ?? '',
  });
  return [
    {
      name: 'headgate_month_cost',
      help: 'Money of this calendar month (UTC), open blocks included, in units of the currency.',
      type: 'gauge',
      samples: perCollector(rows, ({ costs }) => costs && costs.monthCostMicros / MICROS, money),
    },
    {
      name: 'headgate_period_units',
      help: 'Units this collector used in the current period of its quota, open blocks included.',
      type: 'gauge',
      samples: perCollector(rows, ({ costs }) => costs?.units),
    },
    {
      name: 'headgate_quota_limit_units',
      help: 'Units the quota of its scope has in a period; none without a quota.',
      type: 'gauge',
      samples: perCollector(rows, ({ costs }) => costs?.quota),
    },
    {
      name: 'headgate_quota_remaining_units',
      help: 'Units left of it for the whole scope; none without a quota.',
      type: 'gauge',
      samples: perCollector(rows, ({ costs }) => costs?.quotaRemaining),
    },
  ];
}
