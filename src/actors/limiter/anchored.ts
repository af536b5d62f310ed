/**
 * Windows that begin with their first call and end when the upstream says. Pure.
 *
 * Where exactly the upstream's window lies is not known, only between which moments it ends:
 * W1 `end` is never before the upstream's own end: without its word, `windowMs` after the last moment at
 *    which the first call can have arrived there; with it, what it told and what its rounding hides.
 * W2 `anchor.sure` is never after it: `windowMs` after the reservation before which nothing can have left.
 * W3 What may still have been under way at `sure` counts in the window after it too.
 * W4 The upstream's word is believed no further than one window from now, moves the end later at once and
 *    nearer at most so often, and takes nothing away of what was counted.
 */
import { MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Anchor, LimiterConfig, OpenBlock, Window } from './context.js';

/** How long a call is taken to be under way where no configuration tells. */
const CALL_MAX_MS: DurationMs = MINUTE_MS;
/** Resets are told in whole seconds: so much later may the window really end. */
const ROUNDING_MS: DurationMs = SECOND_MS;
/** A word that moves the end by less is the same word, rounded differently. */
const MOVES_MS: DurationMs = 2 * SECOND_MS;
/** How far beyond its own length a window's told end may lie: the upstream's clock is not ours. */
export const RESET_TOLERANCE_MS: DurationMs = MINUTE_MS;

/** What a fold or a decision looks at, of one bucket. */
export type Anchored = {
  readonly last: Window | undefined;
  readonly windowMs: DurationMs;
  readonly config: LimiterConfig | null;
  /** Of every open block that draws from it. */
  readonly open: readonly { readonly block: OpenBlock; readonly units: number }[];
};

type Standing = Window & { readonly anchor: Anchor };

/** How long a call of this scope may be under way. */
export function callMaxOf(config: LimiterConfig | null): DurationMs {
  return config?.callMaxMs ?? CALL_MAX_MS;
}

/** The window that counts at `at`: the one that stands, or one that would begin now. */
export function anchoredAt(of: Anchored, at: EpochMs): Standing {
  const { last } = of;
  if (last?.anchor !== undefined && at < last.end) return { ...last, anchor: last.anchor };
  return renewed(of, at);
}

/** W3: a window begun at `at`, with what may arrive only in it. */
export function renewed({ last, windowMs, config, open }: Anchored, at: EpochMs): Standing {
  const held = open.reduce((sum, { units }) => sum + units, 0);
  const spent = last?.anchor?.tail ?? 0;
  const isCarried = last?.anchor !== undefined && held + spent > 0;
  const earliest = isCarried ? Math.min(at, last.anchor.sure) : at;
  return {
    start: at,
    end: at + windowMs + callMaxOf(config),
    spent,
    held,
    foreign: 0,
    prior: 0,
    byCollector: {},
    anchor: { sure: earliest + windowMs, begun: false, toldAt: null, tail: spent },
  };
}

/** W1: until a call surely has arrived, each reservation may be the first of which one does. */
export function anchoredReserved(
  of: Anchored,
  at: EpochMs,
  expiresAt: EpochMs,
  units: number,
): Window {
  const window = anchoredAt(of, at);
  const { begun } = window.anchor;
  const latest = expiresAt + of.windowMs + callMaxOf(of.config);
  const end = begun ? window.end : Math.max(window.end, latest);
  return { ...window, end, held: window.held + units };
}

/** A block at its end, of one bucket. */
export type Ended = {
  readonly at: EpochMs;
  readonly block: OpenBlock;
  readonly reserved: number;
  readonly charged: number;
  readonly sent: number;
};

/** A block came to its end; undefined: no call ever left for this window, so none stands. */
export function anchoredSettled(
  { last, windowMs, config }: Anchored,
  { at, block, reserved, charged, sent }: Ended,
): Window | undefined {
  if (last?.anchor === undefined) return last;
  const { anchor, start } = last;
  // Its calls all came back by now. One of an earlier window may have arrived in that one.
  const isFirst = !anchor.begun && sent > 0 && block.at >= start;
  const isLate = at >= anchor.sure && block.expiresAt + callMaxOf(config) > anchor.sure;
  const spent = last.spent + charged;
  const held = Math.max(0, last.held - reserved);
  const begun = anchor.begun || isFirst;
  if (!begun && held + spent + last.foreign < 1e-9) return undefined;
  return {
    ...last,
    end: isFirst ? Math.min(last.end, Math.max(at, start) + windowMs) : last.end,
    spent,
    held,
    byCollector: {
      ...last.byCollector,
      [block.collector]: (last.byCollector[block.collector] ?? 0) + charged,
    },
    anchor: { ...anchor, begun, tail: anchor.tail + (isLate ? charged : 0) },
  };
}

/** The upstream's word on a window, as it is recorded. */
export type Told = {
  readonly windowSureMs: EpochMs;
  readonly windowEndMs: EpochMs;
  readonly windowNext: boolean;
};

/**
 * What a told reset changes; undefined: nothing, or it is not believed. `callMs`: how long the call that
 * brought it was under way.
 */
export function toldEnd(
  of: Anchored,
  resetAt: EpochMs,
  at: EpochMs,
  callMs: DurationMs,
): Told | undefined {
  const { windowMs, last } = of;
  if (!(resetAt > at && resetAt <= at + windowMs + RESET_TOLERANCE_MS)) return undefined;
  if (last?.anchor === undefined || at >= last.end) return undefined;
  const { anchor, end } = last;
  const windowEndMs = resetAt + ROUNDING_MS;
  const windowSureMs = resetAt - ROUNDING_MS - Math.min(callMs, callMaxOf(of.config));
  const by = windowEndMs - end;
  // The end has come, and this is one window further: the next one stands already.
  const windowNext = at >= anchor.sure && by > windowMs / 2;
  const told = { windowSureMs, windowEndMs, windowNext };
  if (anchor.toldAt === null) return told;
  if (by > MOVES_MS) return told;
  const nearerEvery = Math.min(MINUTE_MS, windowMs / 10);
  return by < 0 - MOVES_MS && at - anchor.toldAt >= nearerEvery ? told : undefined;
}

/** W4: what was counted stays. W3: what came back since an end that may have passed counts on. */
export function anchoredTold(of: Anchored, at: EpochMs, told: Told): Window {
  const window = told.windowNext ? renewed(of, at) : anchoredAt(of, at);
  const { windowSureMs: sure, windowEndMs: end } = told;
  const tail = sure < at ? window.spent : window.anchor.tail;
  return { ...window, end, anchor: { sure, begun: true, toldAt: at, tail } };
}
