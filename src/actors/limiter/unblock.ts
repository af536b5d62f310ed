/**
 * What an operator's word that a plan was upgraded opens. Pure.
 *
 * What the upstream had told is forgotten with the block, its smaller limit too; what was counted stays:
 * budget is never invented. So a quota that is full by our own count stays closed.
 */
import { isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { facts, refuse, type Decision } from '../kind.js';
import { usedIn } from './buckets.js';
import type { UnblockQuota } from './commands.js';
import type { LimiterContext } from './context.js';
import { bucketOf, windowOf } from './counted.js';
import type { LimiterFact } from './events.js';
import { evolve } from './evolve.js';
import { limitOf } from './periods.js';

/** Nothing to lift is no refusal here: another scope of the collector may have something. */
export function decideUnblockQuota(
  { bucket: named }: UnblockQuota,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const blocked = Object.keys(context.blockedBuckets).filter(
    (name) => isQuota(context, name) && (named === undefined || name === named),
  );
  const lifted = blocked.map((name) => unblocked(name, at));
  const useful = lifted.filter((fact) => !isFull(evolve(context, fact), fact.bucket, at));
  const [full] = blocked;
  if (useful.length === 0 && full !== undefined) {
    return refuse({ kind: 'illegal-state', detail: fullSentence(context, full) });
  }
  return facts<LimiterFact>(...useful);
}

/** The window of a rate refills by itself, whoever says that it is empty. */
function isQuota(context: LimiterContext, name: string): boolean {
  const isSaidSo = context.blockedBuckets[name]?.cause === 'quota_exhausted';
  return isSaidSo || bucketOf(context, name)?.quota === true;
}

function unblocked(bucket: string, at: EpochMs) {
  return { type: 'Unblocked', atMs: at, bucket, cause: 'operator', forgets: true } as const;
}

function isFull(context: LimiterContext, name: string, at: EpochMs): boolean {
  const window = windowOf(context, name, at);
  return window !== undefined && usedIn(window) >= limitOf(context, name);
}

function fullSentence(context: LimiterContext, name: string): string {
  const limit = String(bucketOf(context, name)?.limit ?? 0);
  const until = isoTime(context.blockedBuckets[name]?.until ?? 0);
  return (
    `${name} is full by our own count, and its limit here is ${limit}: ` +
    `only a larger one in its profile, or its next period (${until}), opens it`
  );
}
