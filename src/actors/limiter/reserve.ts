/** Leave to spend: durable before the first call leaves, settled after the last one came back. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { facts, refuse, type Decision } from '../kind.js';
import type { Refusal } from '../refusal.js';
import { countingOf, usedIn } from './buckets.js';
import type { Reserve, Settle } from './commands.js';
import type { LimiterContext, OpenBlock, Window } from './context.js';
import type { LimiterFact, Units } from './events.js';
import { backAt, bucketOf, roomAt, unitsOf, windowOf } from './counted.js';
import { evolve } from './evolve.js';
import { limitOf, rollsDue } from './periods.js';

/** Blocks of one scope that are open at once. */
export const OPEN_BLOCKS_MAX = 256;
/** Calls one block may cover. */
export const BLOCK_CALLS_MAX = 100_000;
/** A block nobody settled this long after its end is settled as spent: far beyond any request. */
export const BLOCK_GRACE_MS: DurationMs = 600_000;

/**
 * Reserves what fits of what is asked, at least one call. A quota that has no room for one closes its
 * bucket: the facts then hold no `UnitsReserved`, and the next try is refused.
 */
export function decideReserve(
  command: Reserve,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const refusal = unfit(command, context) ?? barred(command, context, at);
  if (refusal !== undefined) return refuse(refusal);
  const moment = command.expiresAt - 1;
  const rolls = rollsDue(context, moment, at).filter((roll) => {
    const window = context.windows[roll.bucket];
    return window === undefined || moment >= window.end;
  });
  const rolled = rolls.reduce(evolve, context);
  const { calls, bucket, until, mayComeBack } = granted(command, rolled, at);
  if (calls >= 1) return facts<LimiterFact>(...rolls, reservation(command, calls, at));
  if (bucketOf(context, bucket)?.quota === true && !mayComeBack) {
    const detail = `${String(limitOf(rolled, bucket))} units of ${bucket} are used up`;
    const { collector } = command;
    const cause = 'local_quota';
    return facts<LimiterFact>(...rolls, {
      type: 'BucketBlocked',
      atMs: at,
      bucket,
      cause,
      untilMs: until,
      collector,
      detail,
    });
  }
  const detail = `the window of ${bucket} is full`;
  return refuse({ kind: 'rate-limited', detail, retryAt: until });
}

function unfit(command: Reserve, context: LimiterContext): Refusal | undefined {
  const { calls, units, block } = command;
  const invalid = (field: string, detail: string): Refusal => ({ kind: 'invalid', field, detail });
  if (context.config === null) {
    return { kind: 'illegal-state', detail: 'the scope has no limits yet' };
  }
  if (!Number.isInteger(calls) || calls < 1 || calls > BLOCK_CALLS_MAX) {
    return invalid('/calls', `must be 1 to ${String(BLOCK_CALLS_MAX)}, got ${String(calls)}`);
  }
  for (const entry of units) {
    if (bucketOf(context, entry.bucket) === undefined) {
      return invalid('/units', `no such bucket: ${entry.bucket}`);
    }
    if (!Number.isFinite(entry.units) || entry.units < 0) {
      return invalid('/units', `must be >= 0, got ${String(entry.units)} of ${entry.bucket}`);
    }
  }
  if (Object.hasOwn(context.open, block)) return invalid('/block', `${block} is open already`);
  if (Object.keys(context.open).length >= OPEN_BLOCKS_MAX) {
    const detail = `${String(OPEN_BLOCKS_MAX)} reservation blocks are open already`;
    return { kind: 'overloaded', detail };
  }
  return undefined;
}

/** Nothing is reserved into a pause or a block. */
function barred(command: Reserve, context: LimiterContext, at: EpochMs): Refusal | undefined {
  const { blocked, blockedBuckets, episode } = context;
  if (blocked !== null && at < blocked.until) {
    return { kind: 'blocked', detail: blocked.detail, until: blocked.until };
  }
  for (const { bucket } of command.units) {
    const block = blockedBuckets[bucket];
    if (block !== undefined && at < block.until) {
      return { kind: 'blocked', detail: block.detail, until: block.until };
    }
  }
  if (episode === null || at >= episode.pauseUntil) return undefined;
  const detail = 'the upstream said it was too much';
  return { kind: 'rate-limited', detail, retryAt: episode.pauseUntil };
}

type Granted = {
  readonly calls: number;
  readonly bucket: string;
  readonly until: EpochMs;
  /** Open blocks hold what is missing: what they do not use comes back. */
  readonly mayComeBack: boolean;
};

/** How many of the calls fit into every window, and which bucket is the tightest. */
function granted(command: Reserve, context: LimiterContext, at: EpochMs): Granted {
  let tightest: Granted = { calls: command.calls, bucket: '', until: at, mayComeBack: false };
  for (const { bucket, units } of command.units) {
    const window = windowFor(context, bucket, at, command.expiresAt);
    const perCall = units / command.calls;
    if (window === undefined || perCall === 0) continue;
    const limit = limitOf(context, bucket) - (command.beyond?.[bucket] ?? 0);
    const calls = Math.floor((limit - usedIn(window)) / perCall + 1e-9);
    if (calls >= tightest.calls) continue;
    const isHeld = usedIn(window) - window.held + perCall <= limit;
    const mayComeBack = isHeld && backAt(context, bucket, at) !== undefined;
    const until = roomAt(context, bucket, at, limit - perCall);
    tightest = { calls, bucket, until, mayComeBack };
  }
  return tightest;
}

/** Clock and calendar windows by the block's last moment; the others stand, or begin, when it begins. */
function windowFor(
  context: LimiterContext,
  name: string,
  at: EpochMs,
  expiresAt: EpochMs,
): Window | undefined {
  const bucket = bucketOf(context, name);
  if (bucket === undefined) return undefined;
  const counting = countingOf(bucket);
  const begins = counting === 'ring' || counting === 'reset';
  return windowOf(context, name, begins ? at : expiresAt - 1);
}

function reservation(command: Reserve, calls: number, at: EpochMs): LimiterFact {
  const share = calls / command.calls;
  return {
    type: 'UnitsReserved',
    atMs: at,
    block: command.block,
    collector: command.collector,
    run: command.run,
    calls,
    units: command.units.map(({ bucket, units }) => ({ bucket, units: units * share })),
    expiresAtMs: command.expiresAt,
  };
}

/** What a block came to. A block that is not open was settled before: nothing changes. */
export function decideSettle(
  command: Settle,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const block = context.open[command.block];
  if (block === undefined) return facts();
  const { sent, delayed, lastSentAt } = command;
  if (!Number.isInteger(sent) || sent < 0 || sent > block.calls) {
    const detail = `must be 0 to ${String(block.calls)}, got ${String(sent)}`;
    return refuse({ kind: 'invalid', field: '/sent', detail });
  }
  const reserved = unitsList(block);
  const charged = drawn(command, context, reserved);
  return facts<LimiterFact>({
    type: 'UnitsSettled',
    atMs: at,
    block: command.block,
    collector: block.collector,
    sent,
    charged: [...charged],
    returned: reserved.map(({ bucket, units }) => ({
      bucket,
      units: Math.max(0, units - unitsOf(charged, bucket)),
    })),
    usage: [...command.usage],
    cause: 'settled',
    ...(lastSentAt !== undefined && { lastSentAtMs: lastSentAt }),
    delayed,
  });
}

/** What the calls really drew: less than was reserved, or more, or from a bucket only the answer named. */
function drawn(
  { charged }: Settle,
  context: LimiterContext,
  reserved: readonly Units[],
): readonly Units[] {
  const known = reserved.map(({ bucket, units }) => {
    const told = unitsOf(charged, bucket);
    return { bucket, units: Number.isFinite(told) ? Math.max(0, told) : units };
  });
  const isNew = ({ bucket, units }: Units): boolean =>
    Number.isFinite(units) &&
    units > 0 &&
    !reserved.some((entry) => entry.bucket === bucket) &&
    bucketOf(context, bucket) !== undefined;
  return [...known, ...charged.filter(isNew)];
}

/** Blocks nobody will settle any more: everything counts as spent (A5). */
export function expired(
  context: LimiterContext,
  at: EpochMs,
  isOver: (block: OpenBlock) => boolean,
): readonly LimiterFact[] {
  return Object.entries(context.open).flatMap(([id, block]): LimiterFact[] => {
    if (!isOver(block)) return [];
    const charged = unitsList(block);
    return [
      {
        type: 'UnitsSettled',
        atMs: at,
        block: id,
        collector: block.collector,
        sent: block.calls,
        charged: [...charged],
        returned: charged.map(({ bucket }) => ({ bucket, units: 0 })),
        usage: [],
        cause: 'expired',
        delayed: 0,
      },
    ];
  });
}

function unitsList(block: OpenBlock): readonly Units[] {
  return Object.entries(block.units).map(([bucket, units]) => ({ bucket, units }));
}
