/** What the composition root says of each collector: its source, its upstreams, its settings, all decided. */
import type { DurationMs, JsonObject } from '../kernel/types.js';
import type { Keys, ProviderProfile, SourceDefinition } from '../sources/port.js';
import type { BreakerPolicy } from './breaker/index.js';
import type { Schedule } from './collector/index.js';

export type UpstreamSetup = {
  readonly profile: ProviderProfile;
  /** The scope whose limits its calls count against. */
  readonly scope: string;
  /** Only for upstreams the operator put on this machine, e.g. the sandbox. */
  readonly allowLoopback: boolean;
  /** The secrets it has; held in memory only. */
  readonly keys: Keys;
  /** Variables that should hold a secret and do not: nothing is sent to it. */
  readonly missingKeys: readonly string[];
};

export type CollectorSetup = {
  readonly name: string;
  readonly source: SourceDefinition;
  readonly options: JsonObject;
  /** Whether it starts enabled when it is seen for the first time, and why. */
  readonly enabled: boolean;
  readonly enabledReason: string;
  readonly schedule: Schedule;
  /** Distance between two runs, at the most. */
  readonly cadenceMs: DurationMs;
  readonly requestTimeoutMs: DurationMs;
  /** The variables that should hold the primary upstream's keys and do not; empty: nothing is missing. */
  readonly missingKey: string;
  /** Whether its primary upstream takes a key and has it. */
  readonly hasApiKey: boolean;
  readonly upstreamMode: 'live' | 'sandbox';
  /** The first is the primary. */
  readonly upstreams: Readonly<Record<string, UpstreamSetup>>;
  readonly rate: {
    readonly maxRequestsPerSecond?: number;
    readonly backoffMultiplier: number;
    readonly maxBackoff: number;
  };
  readonly breaker: BreakerPolicy;
};
