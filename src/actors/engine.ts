/**
 * The door of the actors' room for gateway and CLI: steer collectors, and ask what only memory knows.
 * What the journal knows is answered by the projections.
 */
import type { EpochMs, Position } from '../kernel/types.js';
import type { CommandContext } from './handle.js';
import type { PermitDesk } from './permit-parts.js';
import type { Refusal } from './refusal.js';

export type Steered =
  /** `position` of the last event written: a view at or past it shows the change. 0: nothing changed. */
  | { readonly ok: true; readonly changed: boolean; readonly position: Position }
  | { readonly ok: false; readonly refusal: Refusal };

export type SteerOptions = { readonly reason?: string; readonly ttlMs?: number };

export type RateLimitChange = {
  readonly maxRequestsPerSecond?: number;
  readonly backoffMultiplier?: number;
  readonly maxBackoff?: number;
};

export type BreakerTarget = 'open' | 'closed' | 'half_open' | 'metrics_only' | 'disabled';

/** What a collector is doing and waiting for, as this process sees it now. */
export type LiveCollector = {
  /** stopped | starting | idle | collecting | waiting | draining | restarting | quarantined */
  readonly phase: string;
  /** One sentence: why it is not fetching (or that it is), and when that changes. */
  readonly why: { readonly sentence: string; readonly changesAt?: EpochMs };
  readonly limiters: Readonly<Record<string, LiveLimiter>>;
  /** By upstream. */
  readonly breakers: Readonly<Record<string, LiveBreaker>>;
  /** Command revisions of collector, breaker, limiter. */
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
  /** Lends permits to other programs. */
  readonly permits: PermitDesk;

  enable(name: string, options: SteerOptions, context: CommandContext): Promise<Steered>;
  disable(name: string, options: SteerOptions, context: CommandContext): Promise<Steered>;
  restart(name: string, options: SteerOptions, context: CommandContext): Promise<Steered>;
  /** Runs once now, at probe priority. Resolves when the run has begun (or is refused). */
  collect(name: string, options: SteerOptions, context: CommandContext): Promise<Steered>;
  /**
   * The plan was upgraded: opens the quotas of its scopes that are blocked, and lifts what was suspended
   * for them. `bucket`: only that one. Refused where nothing is blocked.
   */
  unblockQuota(name: string, bucket: string | undefined, context: CommandContext): Promise<Steered>;
  setRateLimit(name: string, change: RateLimitChange, context: CommandContext): Promise<Steered>;
  /** Without `upstream`: every breaker of the collector. */
  resetBreaker(
    name: string,
    upstream: string | undefined,
    context: CommandContext,
  ): Promise<Steered>;
  setBreaker(
    name: string,
    upstream: string | undefined,
    target: BreakerTarget,
    options: SteerOptions,
    context: CommandContext,
  ): Promise<Steered>;
}
