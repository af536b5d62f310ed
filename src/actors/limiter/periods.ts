/** The limits and periods of fixed buckets as a decision sees them. */
import { periodOf } from '../../kernel/calendar.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Of } from '../kind.js';
import { countingOf, effectiveLimit, rollsByFact } from './buckets.js';
import type { LimiterContext } from './context.js';
import type { BucketConfig, LimiterFact } from './events.js';
import { bucketOf, windowOf } from './counted.js';

/** Units a window of the bucket may hold: margin taken off; an observation may only tighten it. */
export function limitOf(context: LimiterContext, name: string): number {
  const bucket = bucketOf(context, name);
  if (bucket === undefined) return 0;
  const seen = context.observed[name]?.limit ?? Infinity;
  return effectiveLimit(Math.min(bucket.limit, seen), context.config?.margin ?? 0);
}

type Rolled = Of<LimiterFact, 'PeriodRolled'>;

/** Periods that begin by a fact and are not the ones that hold `moment`. */
export function rollsDue(
  context: LimiterContext,
  moment: EpochMs,
  at: EpochMs = moment,
): readonly Rolled[] {
  const buckets = context.config?.buckets ?? [];
  return buckets.flatMap((bucket) =>
    rollsByFact(bucket) ? rollOf(context, bucket, moment, at) : [],
  );
}

function rollOf(
  context: LimiterContext,
  bucket: BucketConfig,
  moment: EpochMs,
  at: EpochMs,
): readonly Rolled[] {
  const window = context.windows[bucket.name];
  const { start, end } = periodOf(bucket, moment);
  if (window?.start === start && window.end === end) return [];
  const charged = window === undefined ? 0 : window.spent + window.held;
  return [
    {
      type: 'PeriodRolled',
      atMs: at,
      bucket: bucket.name,
      periodStartMs: start,
      periodEndMs: end,
      charged,
    },
  ];
}

/** When a bucket that was used up fills again, or begins to, by our own clock. */
export function refillsAt(context: LimiterContext, name: string, at: EpochMs): EpochMs {
  const bucket = bucketOf(context, name);
  if (bucket === undefined) return at;
  switch (countingOf(bucket)) {
    case 'paced':
      return at + bucket.windowMs;
    case 'ring':
    case 'reset':
      return windowOf(context, name, at)?.end ?? at + bucket.windowMs;
    case 'clock':
    case 'calendar':
      return periodOf(bucket, at).end;
  }
}
