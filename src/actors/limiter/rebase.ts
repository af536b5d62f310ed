/** What a jump of the wall clock does to the memory: moments move with it, calendar periods stay. */
import { rollsByFact } from './buckets.js';
import type { Block, Episode, LimiterContext, Window } from './context.js';
import { bucketOf } from './counted.js';

/** Every moment that was set by the clock before its jump moves with it; calendar periods stay. */
export function rebased(c: LimiterContext, shift: number): LimiterContext {
  const moved = (block: Block): Block => ({
    ...block,
    since: block.since + shift,
    until: block.until + shift,
  });
  return {
    ...c,
    episode: c.episode === null ? null : rebasedEpisode(c.episode, shift),
    learned: c.learned === null ? null : { ...c.learned, since: c.learned.since + shift },
    blocked: c.blocked === null ? null : moved(c.blocked),
    blockedBuckets: mapped(c.blockedBuckets, moved),
    windows: mapped(c.windows, (window, name) => {
      const bucket = bucketOf(c, name);
      return bucket === undefined || rollsByFact(bucket) ? window : rebasedWindow(window, shift);
    }),
    open: mapped(c.open, (block) => ({
      ...block,
      at: block.at + shift,
      expiresAt: block.expiresAt + shift,
    })),
    observed: mapped(c.observed, (seen) => ({
      ...seen,
      at: seen.at + shift,
      resetAt: seen.resetAt === null ? null : seen.resetAt + shift,
    })),
    ...(c.rings !== undefined && {
      rings: mapped(c.rings, (slots) => slots.map(([end, units]) => [end + shift, units] as const)),
    }),
  };
}

function rebasedWindow(window: Window, shift: number): Window {
  const { anchor } = window;
  return {
    ...window,
    start: window.start + shift,
    end: window.end + shift,
    ...(anchor !== undefined && {
      anchor: {
        ...anchor,
        sure: anchor.sure + shift,
        toldAt: anchor.toldAt === null ? null : anchor.toldAt + shift,
      },
    }),
  };
}

function rebasedEpisode(episode: Episode, shift: number): Episode {
  return {
    ...episode,
    startedAt: episode.startedAt + shift,
    lastCutAt: episode.lastCutAt + shift,
    pauseUntil: episode.pauseUntil + shift,
    sameWindowUntil: episode.sameWindowUntil + shift,
    steppedAt: episode.steppedAt + shift,
  };
}

function mapped<V>(
  map: Readonly<Record<string, V>>,
  change: (value: V, key: string) => V,
): Readonly<Record<string, V>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
