/** What the collector's chart remembers beside its three regions. Plain data, fixed key order. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ActorState } from '../kind.js';

export type Schedule = {
  readonly intervalMs: DurationMs;
  readonly cron: string;
  readonly zone: string;
  readonly jitter: number;
};

export type CollectorConfig = {
  readonly schedule: Schedule;
  readonly scopes: readonly string[];
  readonly upstreams: readonly string[];
  readonly requestTimeoutMs: DurationMs;
  readonly missingKey: string;
  readonly hasApiKey: boolean;
  readonly upstreamMode: string;
  readonly options: string;
  /** Expected age of new data: the upstream's own cadence, or the interval if that is longer. */
  readonly expectedEveryMs: DurationMs;
  readonly configRevision: number;
  /** Each upstream, the primary first; absent: configured before there were several. */
  readonly upstreamDetails?: readonly UpstreamDetail[];
};

export type UpstreamDetail = {
  readonly name: string;
  readonly scope: string;
  /** Variables whose secrets are missing; empty: nothing is. */
  readonly missingKey: string;
};

export type Wish = {
  readonly reason: string;
  readonly actor: string;
  readonly since: EpochMs;
  readonly until: EpochMs | null;
};

export type Suspension = {
  readonly cause: string;
  readonly detail: string;
  readonly since: EpochMs;
  readonly nextTry: EpochMs | null;
};

export type Run = {
  readonly id: string;
  readonly trigger: string;
  readonly priority: string;
  readonly startedAt: EpochMs;
  readonly records: number;
  readonly newRecords: number;
};

export type SeriesCursor = { readonly cursor: string; readonly ordinal: number };

export type CollectorContext = {
  readonly name: string;
  readonly collectorType: string;
  readonly source: string;
  readonly config: CollectorConfig | null;
  /** Why desired is what it is. */
  readonly wish: Wish;
  readonly suspension: Suspension | null;
  readonly run: Run | null;
  readonly blocked: {
    readonly cause: string;
    readonly detail: string;
    readonly until: EpochMs | null;
  } | null;
  /** When the next run is due; null: none is planned. `setAt` is when that was decided. */
  readonly due: { readonly at: EpochMs; readonly setAt: EpochMs } | null;
  readonly drain: {
    readonly cause: string;
    readonly since: EpochMs;
    readonly deadline: EpochMs;
  } | null;
  readonly cursors: Readonly<Record<string, SeriesCursor>>;
  readonly failures: { readonly consecutive: number; readonly crashes: number };
  /** Counts what re-arms timers and work: wishes, suspensions, dues, connects. */
  readonly generation: number;
};

export const EMPTY_COLLECTOR: CollectorContext = {
  name: '',
  collectorType: '',
  source: '',
  config: null,
  wish: { reason: '', actor: '', since: 0, until: null },
  suspension: null,
  run: null,
  blocked: null,
  due: null,
  drain: null,
  cursors: {},
  failures: { consecutive: 0, crashes: 0 },
  generation: 0,
};

export type Activity =
  'stopped' | 'starting' | 'idle' | 'collecting' | 'waiting' | 'draining' | 'restarting';

export type CollectorValue = {
  readonly desired: 'enabled' | 'disabled';
  readonly suspension: 'clear' | 'suspended';
  readonly activity: Activity;
};

export type CollectorState = ActorState<CollectorContext>;

/** The chart's value, typed. */
export function regions(state: CollectorState): CollectorValue {
  return state.value as CollectorValue;
}

/** May it fetch, by intent and automation? */
export function mayFetch(state: CollectorState): boolean {
  const { desired, suspension } = regions(state);
  return desired === 'enabled' && suspension === 'clear';
}
