/**
 * What a provider's profile says as data: which headers carry its limits, and by which signs its answers
 * mean something else than their status does. `profile.ts` judges with them.
 */
import type { DurationMs, EpochMs, Json } from '../kernel/types.js';
import type { ResetUnit } from './headers.js';
import type { Observation, Outcome } from './port.js';
import type { Answer, Meaning } from './profile.js';

/** Header names (lower case) that tell of one bucket. */
export type LimitHeaders = {
  /** The bucket; or, where the same names tell of another one at each endpoint, by endpoint. */
  readonly bucket: string | Readonly<Record<string, string>>;
  readonly limit?: string;
  readonly remaining?: string;
  readonly used?: string;
  readonly reset?: { readonly header: string; readonly unit: ResetUnit };
};

/** Reads the declared headers; a bucket of which nothing was told is left out. */
export function observing(
  ...declared: readonly LimitHeaders[]
): (answer: Answer) => readonly Observation[] {
  return (answer) => declared.flatMap((each) => observationOf(each, answer));
}

function observationOf(
  { bucket, limit, remaining, used, reset }: LimitHeaders,
  { headers, endpoint, at }: Answer,
): readonly Observation[] {
  const name = typeof bucket === 'string' ? bucket : bucket[endpoint];
  if (name === undefined) return [];
  const count = (header: string | undefined): number | undefined =>
    header === undefined ? undefined : headers.decimal(header);
  const told = { limit: count(limit), remaining: count(remaining), used: count(used) };
  const resetAt = reset === undefined ? undefined : headers.resetAt(reset.header, reset.unit, at);
  const seen: Observation = {
    bucket: name,
    ...(told.limit !== undefined && { limit: told.limit }),
    ...(told.remaining !== undefined && { remaining: told.remaining }),
    ...(told.used !== undefined && { used: told.used }),
    ...(resetAt !== undefined && { resetAt }),
  };
  // A window's end alone says nothing of how much is left.
  return Object.keys(seen).length > (resetAt === undefined ? 1 : 2) ? [seen] : [];
}

/** One sign: every condition that is given must hold. */
export type Sign = {
  /** Any of these; absent: any status. */
  readonly status?: readonly number[];
  /** What the beginning of the body says. */
  readonly text?: RegExp;
  /** A member of a JSON body, by dotted path, and what it is. */
  readonly member?: {
    readonly path: string;
    readonly is?: string | number;
    readonly like?: RegExp;
  };
  /** Which of its endpoints; absent: any. */
  readonly endpoints?: readonly string[];
  readonly outcome: Outcome;
  /** What people read after "<provider> answered <status>: ". */
  readonly says: string;
  /** For `quota_exhausted`: the bucket that is empty. */
  readonly bucket?: string;
  /** When it ends where the answer's Retry-After does not say: a length, or a moment by rule. */
  readonly lastsMs?: DurationMs;
  readonly until?: (answer: Answer) => EpochMs | undefined;
};

/** Reads an answer by the first sign that fits; undefined: none does, the general rules hold. */
export function reading(
  provider: string,
  ...signs: readonly Sign[]
): (answer: Answer) => Meaning | undefined {
  return (answer) => {
    const sign = signs.find((each) => fits(each, answer));
    if (sign === undefined) return undefined;
    const { outcome, says, bucket } = sign;
    const retryAt = endOf(sign, answer);
    return {
      outcome,
      message: `${provider} answered ${String(answer.status)}: ${says}`,
      ...(bucket !== undefined && { bucket }),
      ...(retryAt !== undefined && { retryAt }),
    };
  };
}

function fits({ status, text, member, endpoints }: Sign, answer: Answer): boolean {
  if (status !== undefined && !status.includes(answer.status)) return false;
  if (endpoints !== undefined && !endpoints.includes(answer.endpoint)) return false;
  if (text !== undefined && !text.test(answer.text)) return false;
  if (member === undefined) return true;
  const value = memberAt(answer.body, member.path);
  if (value === undefined) return false;
  if (member.is !== undefined && value !== member.is) return false;
  return member.like === undefined || (typeof value === 'string' && member.like.test(value));
}

function endOf({ outcome, until, lastsMs }: Sign, answer: Answer): EpochMs | undefined {
  if (!['throttled', 'banned', 'quota_exhausted'].includes(outcome)) return undefined;
  const said = answer.headers.retryAfter(answer.at);
  return said ?? until?.(answer) ?? (lastsMs === undefined ? undefined : answer.at + lastsMs);
}

/** The value at a dotted path of a JSON body; undefined: there is none. Own members only. */
export function memberAt(body: Json | undefined, path: string): Json | undefined {
  let value = body;
  for (const name of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Readonly<Record<string, Json>>)[name];
  }
  return value;
}
