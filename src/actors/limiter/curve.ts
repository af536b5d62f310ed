/**
 * The rate after a cut, as a pure function of time.
 *
 * The shape is CUBIC's (RFC 9438, section 4.2: W(t) = C(t - K)^3 + Wmax), scaled so that K is the
 * provider's own window and W(0) = w0 = Wmax / b:
 *
 *   rate(t) = Wmax - (Wmax - w0) (1 - t/K)^3   for t < K, t counted from the end of the pause
 *   rate(t) = Wmax                             then, until a clean 10 K have passed: the episode is over
 *   then + 5 % per clean 10 K, up to the ceiling.
 */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Cap, Episode, Learned, LimiterConfig } from './context.js';

/** All that a rate depends on: in a limiter's memory, or in a read model's document of a past moment. */
export type RateBasis = {
  readonly config: RateConfig | null;
  readonly caps: Readonly<Record<string, Cap>>;
  readonly episode: Pick<Episode, 'wMax' | 'backoff' | 'pauseUntil'> | null;
  readonly learned: Learned | null;
};

type RateConfig = Cap & Pick<LimiterConfig, 'recoveryWindowMs' | 'floorRate' | 'rates'>;

/** Share of the rate at the first cut that the recovery aims for. */
export const AIM = 0.95;
/** How much a clean 10 K raises what was learned. */
const CREEP = 1.05;
/** An episode ends, and the learned rate creeps, after this many clean recovery windows. */
export const CLEAN_WINDOWS = 10;
/** Recorded steps of the recovery, as a share of Wmax. */
const STEP_SHARE = 0.1;

/** rate(t): requests per second, `elapsedMs` after the end of the pause. Before it: w0. */
export function cubicRate(
  wMax: number,
  backoff: number,
  windowMs: DurationMs,
  elapsedMs: DurationMs,
): number {
  if (elapsedMs >= windowMs) return wMax;
  const left = 1 - Math.max(0, elapsedMs) / windowMs;
  return wMax - (wMax - wMax / backoff) * left ** 3;
}

/** The inverse: how long after the pause the rate is reached. Between 0 and `windowMs`. */
export function cubicElapsed(
  wMax: number,
  backoff: number,
  windowMs: DurationMs,
  rate: number,
): DurationMs {
  const w0 = wMax / backoff;
  if (rate <= w0) return 0;
  if (rate >= wMax) return windowMs;
  return windowMs * (1 - Math.cbrt((wMax - rate) / (wMax - w0)));
}

/** What the collector was set to: its own cap, else what it was configured to, else the scope's own. */
export function capOf(context: RateBasis, collector: string): Cap {
  const { caps, config } = context;
  return (
    caps[collector] ??
    config?.rates?.find((rate) => rate.collector === collector) ??
    defaultCap(config)
  );
}

function defaultCap(config: RateConfig | null): Cap {
  return {
    maxRequestsPerSecond: config?.maxRequestsPerSecond ?? 0,
    backoffMultiplier: config?.backoffMultiplier ?? 1,
    maxBackoff: config?.maxBackoff ?? 1,
  };
}

/** The most the scope may reach: an operator's cap may exceed the profile's default. */
export function ceilingOf(context: RateBasis): number {
  let ceiling = context.config?.maxRequestsPerSecond ?? 0;
  for (const collector of Object.keys(context.caps)) {
    ceiling = Math.max(ceiling, context.caps[collector]?.maxRequestsPerSecond ?? 0);
  }
  return ceiling;
}

/** Requests per second the whole scope may send at `at`. During a pause: what it will resume with. */
export function scopeRate(context: RateBasis, at: EpochMs): number {
  const { config, episode, learned } = context;
  const ceiling = ceilingOf(context);
  if (config === null || (episode === null && learned === null)) return ceiling;
  const curve =
    episode === null
      ? creptRate(learned?.rate ?? ceiling, at - (learned?.since ?? at), config)
      : episodeRate(episode, at, config);
  return Math.min(ceiling, Math.max(config.floorRate, curve));
}

function episodeRate(
  episode: NonNullable<RateBasis['episode']>,
  at: EpochMs,
  config: RateConfig,
): number {
  const elapsed = at - episode.pauseUntil;
  const clean = config.recoveryWindowMs * CLEAN_WINDOWS;
  if (elapsed >= clean) return creptRate(episode.wMax, elapsed, config);
  return cubicRate(episode.wMax, episode.backoff, config.recoveryWindowMs, elapsed);
}

/** +5 % for each clean 10 K that passed. */
export function creptRate(
  rate: number,
  elapsedMs: DurationMs,
  config: Pick<LimiterConfig, 'recoveryWindowMs'>,
): number {
  const steps = Math.floor(Math.max(0, elapsedMs) / (config.recoveryWindowMs * CLEAN_WINDOWS));
  return rate * CREEP ** Math.min(steps, 1000);
}

/** Requests per second in force for one collector at `at`: its own cap within the scope's curve. */
export function currentRate(context: RateBasis, collector: string, at: EpochMs): number {
  return Math.min(capOf(context, collector).maxRequestsPerSecond, scopeRate(context, at));
}

/** By how much the rate is divided now, 1 = not at all. The same for every collector of the scope. */
export function currentBackoff(context: RateBasis, at: EpochMs): number {
  const { episode, config } = context;
  if (episode === null || config === null) return 1;
  const elapsed = at - episode.pauseUntil;
  const rate = cubicRate(episode.wMax, episode.backoff, config.recoveryWindowMs, elapsed);
  return episode.wMax / rate;
}

/** When the next recovery step is due to be recorded: at most one per 10 % of Wmax. */
export function nextStepAt(episode: Episode, config: LimiterConfig): EpochMs {
  const { wMax, backoff, pauseUntil, stepRate } = episode;
  if (stepRate === 0) return pauseUntil;
  const end = pauseUntil + config.recoveryWindowMs * CLEAN_WINDOWS;
  if (stepRate >= wMax) return end;
  const aim = Math.min(wMax, stepRate + wMax * STEP_SHARE);
  return pauseUntil + cubicElapsed(wMax, backoff, config.recoveryWindowMs, aim);
}

/** When a clean episode is over. */
export function episodeEndsAt(episode: Episode, config: LimiterConfig): EpochMs {
  return episode.pauseUntil + config.recoveryWindowMs * CLEAN_WINDOWS;
}
