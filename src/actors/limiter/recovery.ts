/** The steps by which a cut rate comes back, as facts: at most one per 10 %. */
import type { EpochMs } from '../../kernel/types.js';
import type { LimiterContext } from './context.js';
import { ceilingOf, creptRate, cubicRate, episodeEndsAt } from './curve.js';
import type { LimiterFact } from './events.js';

/** The step that is due at `when`; nothing when there is nothing to recover from. */
export function recoveryStep(
  context: LimiterContext,
  at: EpochMs,
  when: EpochMs,
): readonly LimiterFact[] {
  const { config, episode, learned } = context;
  if (config === null) return [];
  if (episode !== null) {
    if (when >= episodeEndsAt(episode, config)) return episodeEnd(context, at, when);
    const { wMax, backoff, pauseUntil } = episode;
    const rate = cubicRate(wMax, backoff, config.recoveryWindowMs, when - pauseUntil);
    return [{ type: 'RateRecovered', atMs: at, rate, backoff: wMax / rate, episodeEnded: false }];
  }
  if (learned === null) return [];
  const crept = creptRate(learned.rate, when - learned.since, config);
  const rate = Math.min(ceilingOf(context), crept);
  return [{ type: 'RateRecovered', atMs: at, rate, backoff: 1, episodeEnded: true }];
}

/** The episode is over: its last step tells the rate, then the limiter is steady. */
export function episodeEnd(
  context: LimiterContext,
  at: EpochMs,
  when: EpochMs,
): readonly LimiterFact[] {
  const { config, episode } = context;
  if (config === null || episode === null) return [];
  const crept = creptRate(episode.wMax, when - episode.pauseUntil, config);
  const rate = Math.min(ceilingOf(context), crept);
  const durationMs = Math.max(0, at - episode.startedAt);
  return [
    { type: 'RateRecovered', atMs: at, rate, backoff: 1, episodeEnded: true },
    { type: 'EpisodeEnded', atMs: at, cuts: episode.cuts, durationMs },
  ];
}
