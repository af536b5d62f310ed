/** What the door is made of: one upstream with its guards, the limits, one run. */
import type { TSchema } from '@sinclair/typebox';
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import type { EvidenceStore } from '../records/port.js';
import type {
  Keys,
  OutgoingRequest,
  ProviderProfile,
  RequestSpec,
  SourceContext,
  Transport,
  Units,
} from '../sources/port.js';
import type { BreakerGate } from './breaker/index.js';
import type { LimiterGate } from './limiter/index.js';
import type { TokenKeeper } from './door-token.js';
import type { RetryBudget, RetryLimits } from './retry.js';

/** One upstream of a collector, with what guards it. */
export type DoorUpstream = {
  readonly profile: ProviderProfile;
  readonly breaker: BreakerGate;
  readonly limiter: LimiterGate;
  /** The secrets it has. */
  readonly keys: Keys;
  /** Variables of secrets it needs and has not: nothing is sent. */
  readonly missingKeys: readonly string[];
  /** The token it works with, where its profile asks for one. */
  readonly tokens: TokenKeeper;
  readonly allowLoopback: boolean;
  /** Why its breaker or limiter is out of service: then nothing leaves. */
  readonly quarantined: () => string | undefined;
};

export type DoorDeps = {
  readonly collector: string;
  /** By each name a source may use. The first is the primary. */
  readonly upstreams: ReadonlyMap<string, DoorUpstream>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly evidence: EvidenceStore;
  readonly budget: RetryBudget;
  readonly limits: DoorLimits;
  /** D2: why nothing may leave now, by intent or suspension; undefined: it may. Synchronous. */
  readonly forbidden: (run: string) => 'desired' | 'draining' | undefined;
};

export type DoorLimits = {
  readonly requestTimeoutMs: DurationMs;
  readonly bodyBytesMax: number;
  /** The longest wait for a permit. */
  readonly waitMaxMs: DurationMs;
  readonly retry: RetryLimits;
};

/** What one run sends through the door, and what became of it. */
export type DoorRun = {
  readonly run: string;
  /** probe | live | backfill: what a request is unless it says otherwise. */
  readonly priority: 'probe' | 'live';
  readonly signal: AbortSignal;
  /** Durations of the calls sent, for the run's p95. */
  readonly durationsMs: number[];
  /** Takes what people should know of a call that went well all the same. */
  readonly warn: (message: string) => void;
};

/** A call as it will be sent: complete before a permit is asked for, so that nothing can fail in between. */
export type Call = {
  readonly endpoint: string;
  /** Units of each bucket it may draw. */
  readonly weights: Units;
  readonly priority: 'probe' | 'live' | 'backfill';
  readonly message: Pick<OutgoingRequest, 'method' | 'url' | 'headers' | 'body'>;
};

export type Request<S extends TSchema> = Parameters<SourceContext<unknown>['request']>[1] &
  RequestSpec & {
    readonly schema: S;
  };
