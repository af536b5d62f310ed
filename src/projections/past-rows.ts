/** The read models of checks and money, folded in memory up to a past moment and then forgotten. */
import { DAY_MS } from '../kernel/time.js';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import type { StoredEvent } from '../journal/port.js';
import { costsProjection } from './costs.js';
import { costQueries, type CostQueries } from './cost-view.js';
import type { Fact } from './facts.js';
import { writesOf } from './fold-page.js';
import { SCORE_WINDOW_MS } from './health.js';
import { healthHistory, HOURS, MINUTES, RAW } from './health-history.js';
import { countedWords } from './health-view.js';
import type { Projection, Rows, RowWrite, Table } from './projection.js';
import type { HealthCheck, HealthStatistics } from './views.js';

export type PastHealth = {
  readonly add: (fact: Fact, event: StoredEvent) => void;
  /** Oldest first. */
  readonly lastHour: () => readonly HealthCheck[];
  /** Newest first. */
  readonly lastDay: () => readonly HealthCheck[];
  /** Of the last day. */
  readonly statistics: () => HealthStatistics;
};

/** The checks of one collector in the day before `at`; only those are kept. */
export function pastHealth(at: EpochMs): PastHealth {
  const rows = memoryRows();
  const checks: HealthCheck[] = [];
  return {
    add(fact, event) {
      for (const write of after(healthHistory, fact, event, rows)) {
        if (write.kind !== 'put') continue;
        if (write.table === MINUTES || write.table === HOURS) continue;
        if (write.table !== RAW) rows.apply(write);
        else if (fact.atMs >= at - DAY_MS) checks.push(write.body as HealthCheck & JsonObject);
      }
    },
    lastHour: () => checks.filter((check) => check.at >= at - SCORE_WINDOW_MS),
    lastDay: () => checks.toReversed(),
    statistics: () => countedWords(checks),
  };
}

export type PastMoney = CostQueries & {
  readonly add: (fact: Fact, event: StoredEvent) => void;
};

/** Usage and money of the scopes whose facts are added. */
export function pastMoney(): PastMoney {
  const rows = memoryRows();
  const projection = costsProjection();
  return {
    ...costQueries(() => rows),
    add(fact, event) {
      for (const write of after(projection, fact, event, rows)) rows.apply(write);
    },
  };
}

function after(
  projection: Projection,
  fact: Fact,
  event: StoredEvent,
  rows: Rows,
): readonly RowWrite[] {
  return writesOf(projection, { event, category: undefined, fact: () => fact }, rows);
}

type MemoryRows = Rows & { readonly apply: (write: RowWrite) => void };

/** Rows nobody stores: as many as the streams of one collector make. */
function memoryRows(): MemoryRows {
  const tables = new Map<string, Map<string, JsonObject>>();
  const rowsOf = (name: string): Map<string, JsonObject> => {
    const known = tables.get(name) ?? new Map<string, JsonObject>();
    tables.set(name, known);
    return known;
  };
  return {
    get: <T extends JsonObject>(table: Table<T>, key: string): T | undefined =>
      rowsOf(table.name).get(key) as T | undefined,
    apply(write) {
      if (write.kind === 'put') rowsOf(write.table.name).set(write.key, write.body);
      if (write.kind === 'remove') rowsOf(write.table.name).delete(write.key);
    },
  };
}
