/**
 * The door of the actors' room for gateway and CLI: steer collectors, and ask what only memory knows.
 * What the journal knows is answered by the projections.
 */
import type { EpochMs, Position, StreamId } from '../kernel/types.js';
import type { BreakerPolicy } from './breaker/events.js';
import type { CommandContext, PlannedFact } from './handle.js';
import type { PermitDesk } from './permit-parts.js';
import type { Refusal } from './refusal.js';

export type Steered =
  /** `position` of the last event written: a view at or past it shows the change. 0: nothing changed. */
  | {
      readonly ok: true;
      readonly changed: boolean;
      readonly position: Position;
      /** Of a dry run: what would be written. `changed` says whether anything would. */
      readonly events?: readonly PlannedEvent[];
    }
  | { readonly ok: false; readonly refusal: Refusal };

export type PlannedEvent = PlannedFact & { readonly stream: StreamId };

/** A command's context, as the way in makes it. */
export type SteerContext = Omit<CommandContext, 'ifRevision'> & {
  /**
   * The revisions the command was decided on, "c.b.l" (`Engine.etag`). The component of the command's
   * target must be the current one, else the command is stale; the others are not looked at.
   */
  readonly ifMatch?: string;
};

export type SteerOptions = { readonly reason?: string; readonly ttlMs?: number };

export type RateLimitChange = {
  readonly maxRequestsPerSecond?: number;
  readonly backoffMultiplier?: number;
  readonly maxBackoff?: number;
};

export type BreakerTarget = 'open' | 'closed' | 'half_open' | 'metrics_only' | 'disabled';

/** Thresholds an operator sets over the configuration; null gives one back to it. */
export type BreakerChange = { readonly [K in keyof BreakerPolicy]?: number | null };

/** What a collector is doing and waiting for, as this process sees it now. */
export type LiveCollector = {
  /** stopped | starting | idle | collecting | waiting | draining | restarting | quarantined */
  readonly phase: string;
  /** One sentence: why it is not fetching (or that it is), and when that changes. */
  readonly why: { readonly sentence: string; readonly changesAt?: EpochMs };
  readonly limiters: Readonly<Record<string, LiveLimiter>>;
  /** By upstream. */
  readonly breakers: Readonly<Record<string, LiveBreaker>>;
  /** Command revisions of collector, breakers and limiters, as `Engine.etag`. */
  readonly revision: string;
};

export type LiveLimiter = {
  /** Requests per second in force now for this collector. */
  readonly currentRate: number;
  /** 1: none. */
  readonly currentBackoff: number;
  readonly nextPermitAt?: EpochMs;
  readonly bindingBucket?: string;
  readonly queued: number;
  readonly counters: {
    readonly admitted: number;
    readonly delayed: number;
    readonly rejected: number;
  };
};

export type LiveBreaker = { readonly inFlight: number; readonly halfOpenAdmitted: number };

export interface Engine {
  names(): readonly string[];
  has(name: string): boolean;
  live(name: string): LiveCollector | undefined;
  /**
   * "c.b.l" as memory has it now: of the collector, of its breakers and of its limiters, each the sum over
   * their streams of (revision of the last event a principal's command wrote + 1). Undefined: no such
   * collector.
   */
  etag(name: string): string | undefined;
  /** Lends permits to other programs. */
  readonly permits: PermitDesk;

  enable(name: string, options: SteerOptions, context: SteerContext): Promise<Steered>;
  disable(name: string, options: SteerOptions, context: SteerContext): Promise<Steered>;
  restart(name: string, options: SteerOptions, context: SteerContext): Promise<Steered>;
  /** Runs once now, at probe priority. Resolves when the run has begun (or is refused). */
  collect(name: string, options: SteerOptions, context: SteerContext): Promise<Steered>;
  /**
   * The plan was upgraded: opens the quotas of its scopes that are blocked, and lifts what was suspended
   * for them. `bucket`: only that one. Refused where nothing is blocked.
   */
  unblockQuota(name: string, bucket: string | undefined, context: SteerContext): Promise<Steered>;
  setRateLimit(name: string, change: RateLimitChange, context: SteerContext): Promise<Steered>;
  /** Without `upstream`: every breaker of the collector. */
  resetBreaker(name: string, upstream: string | undefined, context: SteerContext): Promise<Steered>;
  setBreaker(
    name: string,
    upstream: string | undefined,
    target: BreakerTarget,
    options: SteerOptions,
    context: SteerContext,
  ): Promise<Steered>;
  /** Without `upstream`: every breaker of the collector. Stands over the configuration until returned. */
  updateBreaker(
    name: string,
    upstream: string | undefined,
    change: BreakerChange,
    context: SteerContext,
  ): Promise<Steered>;
  /**
   * Where a series goes on; `cursor` is canonical JSON. Only while the collector is disabled and stopped.
   * @throws {SinkUnavailable} nothing changed.
   */
  setCursor(name: string, series: string, cursor: string, context: SteerContext): Promise<Steered>;
  /** Folds again what is quarantined of the collector, its breakers and its limiters. */
  unquarantine(name: string, context: SteerContext): Promise<Steered>;
}
