/** What the machinery needs, counts and hands to each actor. */
import type { Journal, SnapshotStore } from '../journal/port.js';
import { histogram, type Histogram, type Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs, JsonObject } from '../kernel/types.js';
import type { CommandContext } from './handle.js';
import type { Owed } from './kind.js';
import type { Semaphore } from './semaphore.js';

export type HostLimits = {
  /** Commands that may wait for one actor. */
  readonly mailboxMax: number;
  /** Facts between two snapshots. */
  readonly snapshotEvery: number;
  /** Actors that may be loading at once. */
  readonly recoveriesMax: number;
  /** How long one load may take. */
  readonly recoveryTimeoutMs: DurationMs;
  /** Idle time after which an unwatched actor leaves memory. */
  readonly passivateAfterMs: DurationMs;
  /** Events read at once while loading. */
  readonly pageSize: number;
};

export const HOST_LIMITS: HostLimits = {
  mailboxMax: 1000,
  snapshotEvery: 500,
  recoveriesMax: 32,
  recoveryTimeoutMs: 30_000,
  passivateAfterMs: 600_000,
  pageSize: 1000,
};

export type HostStatistics = {
  commands: number;
  refused: number;
  facts: number;
  conflicts: number;
  crashes: number;
  quarantines: number;
  loads: number;
  replayed: number;
  snapshotsSaved: number;
  snapshotsIgnored: number;
  snapshotsFailed: number;
  timersFired: number;
  timersStale: number;
  /** Facts by which recovery settled what a crash had left open, by type. */
  readonly settled: Record<string, number>;
  readonly loadSeconds: Histogram;
  readonly decideSeconds: Histogram;
};

export type HostDeps = {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly node: string;
  /** The writer's fencing number. */
  readonly epoch: number;
  readonly limits: HostLimits;
};

/** What an actor is connected to besides its stream. */
export type Wiring<Cmd> = {
  /** Begins work the state owes. Called once per key and process, after the facts are durable. */
  readonly onWork?: (key: string, work: JsonObject) => void;
  /** Turns a due timer into another command than `TimerDue`; undefined: the plain one. */
  readonly onTimer?: (timer: Extract<Owed, { kind: 'timer' }>) => Cmd | undefined;
};

/** What one actor may use of its host. */
export type HostServices = HostDeps & {
  readonly statistics: HostStatistics;
  readonly recoveries: Semaphore;
  readonly system: (cause: string) => CommandContext;
  readonly isStopping: () => boolean;
};

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function emptyStatistics(): HostStatistics {
  return {
    commands: 0,
    refused: 0,
    facts: 0,
    conflicts: 0,
    crashes: 0,
    quarantines: 0,
    loads: 0,
    replayed: 0,
    snapshotsSaved: 0,
    snapshotsIgnored: 0,
    snapshotsFailed: 0,
    timersFired: 0,
    timersStale: 0,
    settled: {},
    loadSeconds: histogram(SECONDS),
    decideSeconds: histogram([0.00001, 0.00005, 0.0001, 0.0005, ...SECONDS.slice(1)]),
  };
}
