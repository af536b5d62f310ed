/** What an operator or the configuration sets: the scope's limits, one collector's own cap. */
import { canonicalJson } from '../../kernel/canonical.js';
import { isKnownZone } from '../../kernel/calendar.js';
import { DAY_MS, HOUR_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { facts, refuse, type Circumstances, type Decision, type Of } from '../kind.js';
import type { Refusal } from '../refusal.js';
import { countingOf, isCounted, isCountedAlike, usedIn } from './buckets.js';
import type { Configure, SetRate } from './commands.js';
import type { LimiterContext } from './context.js';
import { bucketOf, windowOf } from './counted.js';
import { capOf } from './curve.js';
import type { BucketConfig, LimiterFact } from './events.js';
import { evolve } from './evolve.js';
import { limitOf, rollsDue } from './periods.js';

/** Above these a value is a slip of the pen, not a limit. */
const RATE_MAX = 1_000_000;
const MULTIPLIER_MAX = 100;
const BACKOFF_MAX = 10_000;
const MARGIN_MAX = 0.5;
const BUCKETS_MAX = 32;
const COLLECTORS_MAX = 1000;
const WINDOW_MAX_MS: DurationMs = 366 * DAY_MS;
const CALL_MAX_MS: DurationMs = HOUR_MS;

type Bounds = { readonly above?: number; readonly min?: number; readonly max: number };

/** Undefined when the value keeps its rule. The rule is in the words of the API. */
function outOfBounds(field: string, value: number, bounds: Bounds): Refusal | undefined {
  const got = `got ${String(value)}`;
  const broken = (rule: string): Refusal => ({
    kind: 'invalid',
    field,
    detail: `must be ${rule}, ${got}`,
  });
  if (!Number.isFinite(value)) return broken('a finite number');
  if (bounds.above !== undefined && !(value > bounds.above)) {
    return broken(`> ${String(bounds.above)}`);
  }
  if (bounds.min !== undefined && !(value >= bounds.min)) return broken(`>= ${String(bounds.min)}`);
  return value > bounds.max ? broken(`<= ${String(bounds.max)}`) : undefined;
}

const RATE: Bounds = { above: 0, max: RATE_MAX };
const MULTIPLIER: Bounds = { min: 1, max: MULTIPLIER_MAX };
const BACKOFF: Bounds = { min: 1, max: BACKOFF_MAX };

/** One collector's own cap: at once, durable; the scope's other buckets stand. */
export function decideSetRate(
  command: SetRate,
  context: LimiterContext,
  { at, actor }: Circumstances,
): Decision<LimiterFact> {
  const { collector, maxRequestsPerSecond, backoffMultiplier, maxBackoff } = command;
  const refusal = invalidRate(command);
  if (refusal !== undefined) return refuse(refusal);
  if (context.config?.collectors.includes(collector) !== true) {
    return refuse({ kind: 'unknown-collector', detail: `${collector} does not use this scope` });
  }
  const cap = capOf(context, collector);
  const next = {
    maxRequestsPerSecond: maxRequestsPerSecond ?? cap.maxRequestsPerSecond,
    backoffMultiplier: backoffMultiplier ?? cap.backoffMultiplier,
    maxBackoff: maxBackoff ?? cap.maxBackoff,
  };
  const known = context.caps[collector];
  if (known !== undefined && canonicalJson(known) === canonicalJson(next)) return facts();
  const reason = command.reason ?? '';
  return facts({ type: 'RateLimitConfigured', atMs: at, collector, ...next, actor, reason });
}

function invalidRate(command: SetRate): Refusal | undefined {
  const { maxRequestsPerSecond: rate, backoffMultiplier: multiplier, maxBackoff } = command;
  if (rate === undefined && multiplier === undefined && maxBackoff === undefined) {
    const names = 'max_requests_per_second, backoff_multiplier, max_backoff';
    return { kind: 'invalid', field: '', detail: `at least one of ${names} is needed` };
  }
  return (
    (rate === undefined ? undefined : outOfBounds('/max_requests_per_second', rate, RATE)) ??
    (multiplier === undefined
      ? undefined
      : outOfBounds('/backoff_multiplier', multiplier, MULTIPLIER)) ??
    (maxBackoff === undefined ? undefined : outOfBounds('/max_backoff', maxBackoff, BACKOFF))
  );
}

/** The scope's limits anew; its quotas' periods begin with it. */
export function decideConfigure(
  { type: _type, ...wanted }: Configure,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const refusal = invalidScope(wanted);
  if (refusal !== undefined) return refuse(refusal);
  const before = context.config;
  const configRevision = (before?.configRevision ?? 0) + 1;
  if (before !== null) {
    const same = { ...wanted, configRevision: before.configRevision };
    if (canonicalJson(same) === canonicalJson(before)) return facts();
  }
  const configured: Of<LimiterFact, 'ScopeConfigured'> = {
    type: 'ScopeConfigured',
    atMs: at,
    ...wanted,
    collectors: [...wanted.collectors],
    buckets: [...wanted.buckets],
    rates: [...(wanted.rates ?? [])],
    configRevision,
  };
  const after = evolve(context, configured);
  const rolls = rollsDue(after, at);
  const rolled = rolls.reduce(evolve, after);
  const closed = recounted(context, rolled, at);
  return facts<LimiterFact>(configured, ...rolls, ...raised(rolled, at), ...closed);
}

/**
 * A bucket that is counted in another way from now on knows nothing of what it gave: for one old window
 * it gives nothing. One of which nothing was used, or is known to be, goes on at once.
 */
function recounted(
  before: LimiterContext,
  after: LimiterContext,
  at: EpochMs,
): readonly LimiterFact[] {
  return (after.config?.buckets ?? []).flatMap((bucket): LimiterFact[] => {
    const { name } = bucket;
    const last = bucketOf(before, name);
    if (last === undefined || isCountedAlike(last, bucket)) return [];
    const until = emptyAt(before, last, at);
    if (until <= Math.max(at, after.blockedBuckets[name]?.until ?? 0)) return [];
    const detail = `${name} is counted in another way: one old window passes first`;
    const cause = 'reconfigured';
    return [
      {
        type: 'BucketBlocked',
        atMs: at,
        bucket: name,
        cause,
        untilMs: until,
        collector: '',
        detail,
      },
    ];
  });
}

/** When nothing of what a bucket gave counts any more by its old window. */
function emptyAt(context: LimiterContext, bucket: BucketConfig, at: EpochMs): EpochMs {
  if (!isCounted(bucket)) return at + bucket.windowMs;
  const window = windowOf(context, bucket.name, at);
  if (window === undefined || usedIn(window) === 0) return at;
  if (countingOf(bucket) !== 'ring') return window.end;
  return (context.rings?.[bucket.name]?.at(-1)?.[0] ?? at) + bucket.windowMs;
}

/** A quota we had closed ourselves opens again when its limit was raised above what is used. */
function raised(context: LimiterContext, at: EpochMs): readonly LimiterFact[] {
  return Object.keys(context.blockedBuckets).flatMap((bucket): LimiterFact[] => {
    const window = windowOf(context, bucket, at);
    if (context.blockedBuckets[bucket]?.cause !== 'local_quota' || window === undefined) return [];
    if (usedIn(window) >= limitOf(context, bucket)) return [];
    return [{ type: 'Unblocked', atMs: at, bucket, cause: 'operator' }];
  });
}

function invalidScope(scope: Omit<Configure, 'type'>): Refusal | undefined {
  const { collectors, buckets } = scope;
  const checks: readonly (Refusal | undefined)[] = [
    outOfBounds('/max_requests_per_second', scope.maxRequestsPerSecond, RATE),
    outOfBounds('/backoff_multiplier', scope.backoffMultiplier, MULTIPLIER),
    outOfBounds('/max_backoff', scope.maxBackoff, BACKOFF),
    outOfBounds('/recovery_window_ms', scope.recoveryWindowMs, { above: 0, max: 86_400_000 }),
    outOfBounds('/floor_rate', scope.floorRate, { min: 0, max: RATE_MAX }),
    outOfBounds('/margin', scope.margin, { min: 0, max: MARGIN_MAX }),
    outOfBounds('/call_max_ms', scope.callMaxMs ?? 0, { min: 0, max: CALL_MAX_MS }),
    outOfBounds('/buckets', buckets.length, { min: 0, max: BUCKETS_MAX }),
    outOfBounds('/collectors', collectors.length, { min: 1, max: COLLECTORS_MAX }),
    ...buckets.map((bucket, index) => invalidBucket(bucket, `/buckets/${String(index)}`)),
    ...(scope.rates ?? []).map((rate) => invalidRate({ type: 'SetRate', ...rate })),
  ];
  const names = new Set(buckets.map((bucket) => bucket.name));
  const twice = names.size < buckets.length;
  return (
    checks.find((check) => check !== undefined) ??
    (twice ? { kind: 'invalid', field: '/buckets', detail: 'names must differ' } : undefined)
  );
}

function invalidBucket(bucket: BucketConfig, at: string): Refusal | undefined {
  const invalid = (field: string, detail: string): Refusal => ({
    kind: 'invalid',
    field: `${at}/${field}`,
    detail,
  });
  if (bucket.name === '') return invalid('name', 'must not be empty');
  const limit = outOfBounds(`${at}/limit`, bucket.limit, { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (limit !== undefined) return limit;
  if (bucket.kind !== 'rolling' && bucket.kind !== 'fixed') {
    return invalid('kind', `must be rolling or fixed, got ${bucket.kind}`);
  }
  const anchor = invalidAnchor(bucket);
  if (anchor !== undefined) return invalid('anchor', anchor);
  if (bucket.kind === 'rolling' || bucket.period === '') {
    return outOfBounds(`${at}/window_ms`, bucket.windowMs, { above: 0, max: WINDOW_MAX_MS });
  }
  if (bucket.period !== 'day' && bucket.period !== 'month') {
    return invalid('period', `must be day or month, got ${bucket.period}`);
  }
  if (!isKnownZone(bucket.zone)) return invalid('zone', `no such zone: ${bucket.zone}`);
  return outOfBounds(`${at}/anchor_day`, bucket.anchorDay, { min: 0, max: 31 });
}

function invalidAnchor({ anchor = 'clock', kind, period }: BucketConfig): string | undefined {
  if (anchor === 'clock') return undefined;
  if (anchor !== 'reset') return `must be clock or reset, got ${anchor}`;
  const fits = kind === 'fixed' && period === '';
  return fits ? undefined : 'reset is only for a fixed window that is no calendar period';
}
