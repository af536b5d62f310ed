/**
 * What is counted against the buckets that the journal remembers, whatever their windows are: the one
 * place where facts are charged to clock, calendar, ring and reset windows. Pure.
 */
import type { EpochMs } from '../../kernel/types.js';
import {
  anchoredAt,
  anchoredReserved,
  anchoredSettled,
  anchoredTold,
  callMaxOf,
  type Anchored,
  type Ended,
} from './anchored.js';
import { countingOf, freshWindow, isCountedAlike, usedIn, windowAt } from './buckets.js';
import { only, without, type LimiterContext, type OpenBlock, type Window } from './context.js';
import type { BucketConfig, Units } from './events.js';
import { ringCharged, ringCorrected, ringFreeAt, ringUsed } from './ring.js';

type Kept = Pick<LimiterContext, 'windows' | 'rings'>;

export function bucketOf(c: LimiterContext, name: string): Readonly<BucketConfig> | undefined {
  return c.config?.buckets.find((bucket) => bucket.name === name);
}

export function unitsOf(list: readonly Units[], bucket: string): number {
  return list.reduce((sum, entry) => (entry.bucket === bucket ? sum + entry.units : sum), 0);
}

/**
 * The window of a bucket that counts at `moment`; undefined: it is paced, or its period must roll. Of a
 * ring it is the window that ends then; its `end` is when the first of it leaves.
 */
export function windowOf(c: LimiterContext, name: string, moment: EpochMs): Window | undefined {
  const bucket = bucketOf(c, name);
  if (bucket === undefined) return undefined;
  switch (countingOf(bucket)) {
    case 'paced':
      return undefined;
    case 'ring':
      return ringAt(c, bucket, moment);
    case 'reset':
      return anchoredAt(anchoredOf(c, bucket), moment);
    case 'clock':
    case 'calendar':
      return windowAt(bucket, c.windows[name], moment);
  }
}

export function anchoredOf(c: LimiterContext, { name, windowMs }: BucketConfig): Anchored {
  const open = Object.values(c.open).flatMap((block) => {
    const units = block.units[name];
    return units === undefined ? [] : [{ block, units }];
  });
  return { last: c.windows[name], windowMs, config: c.config, open };
}

function ringAt(c: LimiterContext, { name, windowMs }: BucketConfig, at: EpochMs): Window {
  const slots = c.rings?.[name] ?? [];
  const used = ringUsed(slots, windowMs, at);
  const start = at - windowMs;
  const held = Object.values(c.open).reduce(
    (sum, block) => (block.expiresAt > start ? sum + (block.units[name] ?? 0) : sum),
    0,
  );
  const oldest = slots.find(([end, units]) => end > start && units > 0)?.[0] ?? at;
  const window = freshWindow(start, oldest + windowMs, 0);
  return { ...window, spent: Math.max(0, used - held), held: Math.min(used, held) };
}

/**
 * When the first of the open blocks that draw from a bucket may give back what it did not use. Undefined:
 * there is none, or what they hold is past coming back.
 */
export function backAt(c: LimiterContext, name: string, at: EpochMs): EpochMs | undefined {
  const callMax = callMaxOf(c.config);
  const ends = Object.values(c.open).flatMap(({ units, expiresAt }) => {
    if ((units[name] ?? 0) === 0 || at >= expiresAt + callMax) return [];
    return [at < expiresAt ? expiresAt : expiresAt + callMax];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/**
 * When no more than `room` units may count against a bucket that is full at `at`: by its window, or when
 * the first of the open blocks ends whose units may come back.
 */
export function roomAt(c: LimiterContext, name: string, at: EpochMs, room: number): EpochMs {
  const bucket = bucketOf(c, name);
  const window = windowOf(c, name, at);
  if (bucket === undefined || window === undefined) return at;
  const isRing = countingOf(bucket) === 'ring';
  const slots = c.rings?.[name] ?? [];
  const byWindow = isRing ? ringFreeAt(slots, bucket.windowMs, at, Math.max(0, room)) : window.end;
  if (usedIn(window) - window.held > room) return byWindow;
  return Math.min(byWindow, backAt(c, name, at) ?? Infinity);
}

/** A block was reserved: it counts where its calls may land. */
export function charged(
  c: LimiterContext,
  at: EpochMs,
  expiresAt: EpochMs,
  units: readonly Units[],
): Kept {
  let kept = keptOf(c);
  for (const entry of units) kept = chargedOne(c, kept, at, expiresAt, entry);
  return kept;
}

function keptOf({ windows, rings }: LimiterContext): Kept {
  return { windows, ...(rings !== undefined && { rings }) };
}

function chargedOne(
  c: LimiterContext,
  kept: Kept,
  at: EpochMs,
  expiresAt: EpochMs,
  { bucket: name, units }: Units,
): Kept {
  const bucket = bucketOf(c, name);
  if (bucket === undefined) return kept;
  const counting = countingOf(bucket);
  if (counting === 'ring') {
    const { windowMs } = bucket;
    const slots = ringCharged(kept.rings?.[name] ?? [], windowMs, at, expiresAt - 1, units);
    return { ...kept, rings: { ...kept.rings, [name]: slots } };
  }
  if (counting === 'reset') {
    const window = anchoredReserved(anchoredOf(c, bucket), at, expiresAt, units);
    return { ...kept, windows: { ...kept.windows, [name]: window } };
  }
  const window = windowOf(c, name, expiresAt - 1);
  if (window === undefined) return kept;
  const held = { ...window, held: window.held + units };
  return { ...kept, windows: { ...kept.windows, [name]: held } };
}

/** A block came to its end at `at`: what its calls really drew takes the place of what was reserved. */
export function corrected(
  c: LimiterContext,
  at: EpochMs,
  block: OpenBlock,
  settled: { readonly charged: readonly Units[]; readonly sent: number },
): Kept {
  let kept = keptOf(c);
  const names = new Set([
    ...Object.keys(block.units),
    ...settled.charged.filter(({ units }) => units > 0).map(({ bucket }) => bucket),
  ]);
  for (const name of names) {
    const reserved = block.units[name] ?? 0;
    const drawn = unitsOf(settled.charged, name);
    const ended = { at, block, reserved, charged: drawn, sent: settled.sent };
    kept = correctedOne(c, kept, name, ended);
  }
  return kept;
}

function correctedOne(c: LimiterContext, kept: Kept, name: string, ended: Ended): Kept {
  const bucket = bucketOf(c, name);
  const { block } = ended;
  const slots = kept.rings?.[name];
  if (slots !== undefined) {
    const more = ended.charged - ended.reserved;
    const after = ringCorrected(slots, block.expiresAt - 1, more);
    return { ...kept, rings: { ...kept.rings, [name]: after } };
  }
  const window = kept.windows[name];
  if (window === undefined) return kept;
  if (bucket !== undefined && countingOf(bucket) === 'reset') {
    const after = anchoredSettled(anchoredOf(c, bucket), ended);
    const windows = after === undefined ? without(kept.windows, name) : kept.windows;
    return { ...kept, windows: after === undefined ? windows : { ...windows, [name]: after } };
  }
  // A block lives in the window that holds its last moment; what rolled since counted it whole.
  if (block.expiresAt - 1 < window.start) return kept;
  const { collector } = block;
  const byCollector = {
    ...window.byCollector,
    [collector]: (window.byCollector[collector] ?? 0) + ended.charged,
  };
  const spent = window.spent + ended.charged;
  const held = Math.max(0, window.held - ended.reserved);
  return { ...kept, windows: { ...kept.windows, [name]: { ...window, spent, held, byCollector } } };
}

/** The upstream counts `beyond` units that we did not send, and may have told when its window ends. */
export function observedBeyond(
  c: LimiterContext,
  name: string,
  at: EpochMs,
  beyond: number,
  told: {
    readonly windowSureMs?: number | undefined;
    readonly windowEndMs?: number | undefined;
    readonly windowNext?: boolean | undefined;
  },
): Kept {
  const bucket = bucketOf(c, name);
  const kept = keptOf(c);
  if (bucket === undefined) return kept;
  if (countingOf(bucket) === 'ring') {
    if (beyond === 0) return kept;
    // Nobody knows when they left: they leave the window as if it had been now.
    const slots = ringCharged(c.rings?.[name] ?? [], bucket.windowMs, at, at, beyond);
    return { ...kept, rings: { ...kept.rings, [name]: slots } };
  }
  const { windowSureMs, windowEndMs, windowNext = false } = told;
  const window =
    windowSureMs === undefined || windowEndMs === undefined
      ? windowOf(c, name, at)
      : anchoredTold(anchoredOf(c, bucket), at, { windowSureMs, windowEndMs, windowNext });
  if (window === undefined) return kept;
  const isNews = windowEndMs !== undefined || beyond > window.foreign;
  // No call began a window for this.
  if (window.anchor !== undefined && !isNews) return kept;
  const foreign = Math.max(window.foreign, beyond);
  return { ...kept, windows: { ...kept.windows, [name]: { ...window, foreign } } };
}

/** Limits anew: what is still counted alike keeps its counts, even under other limits. */
export function reconfigured(c: LimiterContext, buckets: readonly BucketConfig[]): Kept {
  const keeps = (name: string): boolean => {
    const next = buckets.find((bucket) => bucket.name === name);
    const last = bucketOf(c, name);
    return next !== undefined && last !== undefined && isCountedAlike(last, next);
  };
  return {
    windows: only(c.windows, keeps),
    ...(c.rings !== undefined && { rings: only(c.rings, keeps) }),
  };
}
