/** The protections a command may ask for, as options of the command line. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Duration } from '../../gen/google/protobuf/duration.js';
import type { DurationMs } from '../../kernel/types.js';
import { lengthGiven } from '../given.js';

export type GuardFlags = {
  readonly reason?: string;
  readonly ttl?: DurationMs;
  readonly dryRun?: true;
  readonly ifMatch?: string;
  readonly requestId?: string;
};

type Wanted = {
  /** What happens when the time is over; absent: the command lasts or is over at once. */
  readonly ttl?: string;
  /** false: it is about no revision of one collector. */
  readonly ifMatch?: false;
  /** false: its answer is never remembered. */
  readonly requestId?: false;
};

export function addGuards(command: Command, { ttl, ifMatch, requestId }: Wanted = {}): void {
  const options = [
    new Option('--reason <text>', 'why; it stands in the events and in the audit'),
    ...(ttl === undefined ? [] : [new Option('--ttl <length>', ttl).argParser(lengthGiven)]),
    new Option('--dry-run', 'decide and show what would be written; write nothing'),
    ...(ifMatch === false
      ? []
      : [new Option('--if-match <etag>', 'only if nobody steered it since: the etag you saw')]),
    ...(requestId === false
      ? []
      : [new Option('--request-id <key>', 'repeating it with the same key does nothing more')]),
  ];
  for (const option of options) command.addOption(option.helpGroup('Command:'));
}

/** What every request of a command has. */
export function guarded({ reason, dryRun }: GuardFlags): {
  readonly reason: string;
  readonly validate_only: boolean;
} {
  return { reason: reason ?? '', validate_only: dryRun === true };
}

/** The same, with what protects from repeating it and from overtaking somebody. */
export function guardedOne(flags: GuardFlags) {
  const { ifMatch, requestId } = flags;
  return { ...guarded(flags), etag: ifMatch ?? '', request_id: requestId ?? '' };
}

/** Absent: it stands until changed. */
export function ttlOf({ ttl }: GuardFlags): { readonly ttl?: Duration } {
  return ttl === undefined ? {} : { ttl: durationOf(ttl) };
}

export function durationOf(ms: DurationMs): Duration {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
