/** The questions of views.ts, answered by read models that follow a journal. */
import type { Logger, MetricFamily, MetricPieces } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import type { EpochMs, StreamId } from '../kernel/types.js';
import type { Journal } from '../journal/port.js';
import { auditProjection } from './audit.js';
import { auditQueries } from './audit-view.js';
import { costsProjection } from './costs.js';
import { costQueries, quotaShares } from './cost-view.js';
import { healthHistory } from './health-history.js';
import { healthOf } from './health.js';
import { healthQueries } from './health-view.js';
import { collectorMetrics, type Standing } from './metrics-collectors.js';
import { projectionMetrics } from './metrics.js';
import { pastOf } from './past.js';
import type { Projection, RowWrite } from './projection.js';
import type { Replayed } from './projector.js';
import type { Parked, ReadStore } from './read-store.js';
import { regressed } from './regression.js';
import { room, type Room } from './room.js';
import { statusProjection } from './status.js';
import { statusView } from './status-view.js';
import { IN_MEMORY, sqliteReadStore } from './store.sqlite.js';
import type { Views } from './views.js';

export type ViewsOptions = ({ readonly path: string } | { readonly memory: true }) & {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** What to do with a read model that knows more than the journal. Default: refuse. */
  readonly onRegression?: 'refuse' | 'rebuild';
  /** Only for tests: other versions of the same projections. */
  readonly projections?: readonly Projection[];
};

export type ParkedStream = Parked & { readonly projection: string };

export type LiveViews = Views & {
  /** Begins to follow the journal; wait with `caughtUp`. */
  start(): void;
  /** Lets go of the journal and the store. Afterwards nothing may be asked any more. */
  stop(): Promise<void>;
  metrics(): readonly MetricFamily[];
  /** The same, a family at a time. */
  metricPieces: MetricPieces;
  /** The names of the read models. */
  projections(): readonly string[];
  /** Builds one anew beside the one that serves; resolves when it is swapped in (or at stop). */
  rebuild(projection: string): Promise<void>;
  parked(): readonly ParkedStream[];
  /** Tries parked facts again, of one stream or of all. */
  replayParked(projection: string, stream?: StreamId): Promise<Replayed>;
};

/** The read models that there are. A fresh list: the costs projection keeps periods it found. */
export function allProjections(): readonly Projection[] {
  return [statusProjection, healthHistory, costsProjection(), auditProjection];
}

/**
 * Opens the read models over their store.
 * @throws {CheckpointPastHead} the store was built from another, or a longer, journal.
 * @throws {ReadStoreUnavailable} the store cannot be opened.
 */
export async function openViews(options: ViewsOptions): Promise<LiveViews> {
  const { journal, clock } = options;
  const store = sqliteReadStore('path' in options ? options.path : IN_MEMORY);
  try {
    const found = store.instances();
    const bad = await regressed(journal, found, options.onRegression ?? 'refuse');
    for (const { id, name } of bad) {
      options.log.warn('read model dropped: it knows more than the journal', { projection: name });
      store.drop(id);
    }
  } catch (thrown) {
    store.close();
    throw thrown;
  }
  return viewsOver({
    ...options,
    store,
    clock,
    projections: options.projections ?? allProjections(),
  });
}

type Parts = ViewsOptions & {
  readonly store: ReadStore;
  readonly projections: readonly Projection[];
};

const STATUS = statusProjection.name;
const HEALTH = healthHistory.name;
const COSTS = costsProjection().name;
const AUDIT = auditProjection.name;

function viewsOver(parts: Parts): LiveViews {
  const { journal, clock } = parts;
  const changes = changeCounters();
  const told = (projection: string, writes: readonly RowWrite[] | undefined): void => {
    if (projection === STATUS) status.told(writes);
    if (projection === HEALTH) checks.told(writes);
    changes.count(writes);
  };
  const projections: Room = room({ ...parts, told });
  const rowsOf = (name: string) => () => projections.serving(name).rows;
  const status = statusView(rowsOf(STATUS));
  const checks = healthQueries(rowsOf(HEALTH));
  const money = costQueries(rowsOf(COSTS));
  const trail = auditQueries(rowsOf(AUDIT));
  const costs: Views['costs'] = (name, now) => {
    const docs = status.docs(name);
    return docs && money.costs({ name, limiters: docs.limiters, now });
  };
  const standing = (name: string, now: EpochMs): Standing | undefined => {
    const docs = status.docs(name);
    if (docs === undefined) return undefined;
    const cost = costs(name, now);
    const quota = quotaShares(cost, now);
    const lastHour = checks.lastHour(name, now);
    const input = { ...docs, checks: lastHour, now, ...(quota !== undefined && { quota }) };
    return { docs, costs: cost, health: healthOf(input) };
  };
  const perCollector = collectorMetrics({ names: status.names, standing, spent: money.spent });
  const metricPieces = function* (): Generator<MetricFamily | undefined> {
    yield* projectionMetrics(projections, clock.now());
    yield* perCollector(clock.now());
  };
  return {
    position: projections.position,
    caughtUp: projections.caughtUp,
    names: status.names,
    docs: status.docs,
    changes: changes.of,
    watch: changes.watch,
    costs,
    health: (name, now) => standing(name, now)?.health,
    checks: checks.checks,
    healthStatistics: checks.statistics,
    callsToday(name, now) {
      const limiters = status.docs(name)?.limiters ?? [];
      return money.callsToday({ name, limiters, now });
    },
    past: (name, at, upTo) => pastOf(journal, name, at, upTo),
    audit: trail.audit,
    command: trail.command,
    start: projections.start,
    stop: projections.stop,
    metrics: () => [...metricPieces()].filter((family) => family !== undefined),
    metricPieces,
    projections: () => projections.all().map(({ projection }) => projection.name),
    rebuild: projections.rebuild,
    parked: () =>
      projections
        .all()
        .flatMap((each) =>
          each.parked().map((parked) => ({ ...parked, projection: each.projection.name })),
        ),
    replayParked: (projection, stream) => projections.serving(projection).replay(journal, stream),
  };
}

/** How often what is shown of a collector changed, and who wants to hear of it. */
function changeCounters(): {
  readonly of: (name: string) => number;
  readonly watch: Views['watch'];
  readonly count: (writes: readonly RowWrite[] | undefined) => void;
} {
  const counters = new Map<string, number>();
  const listeners = new Set<(names: readonly string[] | undefined) => void>();
  let all = 0;
  const tell = (names: readonly string[] | undefined): void => {
    for (const listener of listeners) listener(names);
  };
  return {
    of: (name) => all + (counters.get(name) ?? 0),
    watch(listener) {
      // A function of its own for each: the same listener may be given twice.
      const own = (names: readonly string[] | undefined): void => {
        listener(names);
      };
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
    count(writes) {
      if (writes === undefined) {
        all += 1;
        tell(undefined);
        return;
      }
      const changed = new Set(writes.flatMap((write) => (write.kind === 'put' ? write.of : [])));
      for (const name of changed) counters.set(name, (counters.get(name) ?? 0) + 1);
      if (changed.size > 0) tell([...changed]);
    },
  };
}
