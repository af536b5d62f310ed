/**
 * Reads the limit headers that have a standard: the IETF fields `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers: structured fields; the drafts up to 07 had a dictionary), and
 * their forerunners, the trio of `…-Limit` (with policies behind it), `…-Remaining` and `…-Reset`.
 *
 * Which bucket a policy is about, and which unit a trio's reset has, the profile declares. What makes no
 * sense is ignored and counted. A rate is never made of what is left and the time that is left: a limit
 * is what a policy states, or nothing.
 */
import { parseDictionary, parseList, Token } from 'structured-headers';
import { SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { boundedMoment, type HeaderReader, type ResetUnit } from './headers.js';
import type { Observation } from './port.js';

/** Longer is no limit header: nothing of it is read. */
export const FIELD_CHARS_MAX = 4096;
/** Policies in one header. */
export const POLICIES_MAX = 32;

/** Which policies tell of a bucket. */
export type PolicyBucket = {
  readonly bucket: string;
  /** The policy's name; absent: any that no other bucket names. */
  readonly policy?: string;
  /** The bucket's window: a policy over another one is not about this bucket. */
  readonly windowMs?: DurationMs;
  /** What the policy counts (`qu`); absent: requests. */
  readonly unit?: string;
};

/** What is read of an answer. */
type Told = {
  readonly headers: HeaderReader;
  readonly endpoint: string;
  readonly at: EpochMs;
};

/** One limit as stated. Drafts without names have ''. */
type Policy = {
  readonly name: string;
  readonly quota: number;
  readonly windowS: number | undefined;
  readonly unit: string;
};
/** One limit as it stands. */
type Standing = {
  readonly name: string;
  readonly remaining: number;
  readonly resetS: number | undefined;
  readonly quota: number | undefined;
};

const REQUESTS = 'requests';

/** What `RateLimit` and `RateLimit-Policy` tell of the declared buckets. Never throws. */
export function policiesOf(
  declared: readonly PolicyBucket[],
  { headers, at }: Pick<Told, 'headers' | 'at'>,
): readonly Observation[] {
  const policies = headers.parsed('ratelimit-policy', readPolicies) ?? [];
  const standings = headers.parsed('ratelimit', readStandings) ?? [];
  if (policies.length + standings.length === 0) return [];
  const named = new Set(declared.flatMap(({ policy }) => policy ?? []));
  return declared.flatMap((target) => {
    const isOurs = ({ name }: { readonly name: string }): boolean =>
      target.policy === undefined ? !named.has(name) : name === target.policy;
    const stated = policies.filter(isOurs);
    const fitting = stated.filter((policy) => fits(policy, target));
    const others = new Set(stated.filter((one) => !fitting.includes(one)).map(({ name }) => name));
    for (const { name } of fitting) others.delete(name);
    const left = standings.filter((one) => isOurs(one) && !others.has(one.name));
    // The one that binds first; of equals the one that lasts longer.
    const binding = left.toSorted(
      (a, b) => a.remaining - b.remaining || (b.resetS ?? 0) - (a.resetS ?? 0),
    )[0];
    const same = fitting.filter(({ name }) => binding === undefined || name === binding.name);
    const quotas = (same.length > 0 ? same : fitting).map(({ quota }) => quota);
    const limit = quotas.length > 0 ? Math.min(...quotas) : binding?.quota;
    if (limit === undefined && binding === undefined) return [];
    const resetS = binding?.resetS;
    return [
      {
        bucket: target.bucket,
        ...(limit !== undefined && { limit }),
        ...(binding !== undefined && { remaining: binding.remaining }),
        ...(resetS !== undefined && { resetAt: boundedMoment(at + resetS * SECOND_MS, at) }),
      },
    ];
  });
}

function fits({ unit, windowS }: Policy, target: PolicyBucket): boolean {
  if (unit !== (target.unit ?? REQUESTS)) return false;
  const { windowMs } = target;
  return windowMs === undefined || windowS === undefined || windowS * SECOND_MS === windowMs;
}

/** A trio of headers by one prefix, e.g. `x-ratelimit`: `-limit`, `-remaining`, `-reset`. */
export type LimitTrio = {
  readonly prefix: string;
  /** The bucket, or the bucket of each endpoint. */
  readonly bucket: string | Readonly<Record<string, string>>;
  /** What its reset means: providers differ, so it is declared. */
  readonly reset: ResetUnit;
  /** The bucket's window: of several policies behind the limit the one over it counts. */
  readonly windowMs?: DurationMs;
};

/** Reads the declared trios; a bucket of which nothing was told is left out. */
export function trios(...declared: readonly LimitTrio[]): (answer: Told) => readonly Observation[] {
  return ({ headers, endpoint, at }) =>
    declared.flatMap(({ prefix, bucket, reset, windowMs }) => {
      const name = typeof bucket === 'string' ? bucket : bucket[endpoint];
      if (name === undefined) return [];
      const limit = headers.parsed(`${prefix}-limit`, (value) => limitOf(value, windowMs));
      const remaining = headers.decimal(`${prefix}-remaining`);
      const resetAt = headers.resetAt(`${prefix}-reset`, reset, at);
      // A window's end alone says nothing of how much is left.
      if (limit === undefined && remaining === undefined) return [];
      return [
        {
          bucket: name,
          ...(limit !== undefined && { limit }),
          ...(remaining !== undefined && { remaining }),
          ...(resetAt !== undefined && { resetAt }),
        },
      ];
    });
}

/** `100`, or with its policies `100, 100;w=60, 5000;w=3600`: the first is the one in force. */
function limitOf(value: string, windowMs: DurationMs | undefined): number | undefined {
  const policies = readPolicies(value);
  const over = policies?.find(
    ({ windowS }) => windowS !== undefined && windowS * SECOND_MS === windowMs,
  );
  return (over ?? policies?.[0])?.quota;
}

/** `"burst";q=100;w=60, "day";q=5000;w=86400`; up to draft 07 `100;w=60`. */
function readPolicies(value: string): readonly Policy[] | undefined {
  return each(value, (item, parameters) => {
    const isBare = typeof item === 'number';
    const name = isBare ? '' : nameOf(item);
    const quota = count(isBare ? item : parameters.get('q'));
    const windowS = optional(parameters.get('w'));
    const unit = parameters.get('qu') ?? REQUESTS;
    if (name === undefined || quota === undefined || typeof unit !== 'string') return undefined;
    // A quota of nothing is no quota: it would stop everything for good.
    if (quota === 0 || windowS === null || windowS === 0) return undefined;
    return { name, quota, windowS, unit };
  });
}

/** `"burst";r=50;t=30`; up to draft 07 `limit=100, remaining=50, reset=30`. */
function readStandings(value: string): readonly Standing[] | undefined {
  if (/^\s*(limit|remaining|reset)\s*=/.test(value)) return readDictionary(value);
  return each(value, (item, parameters) => {
    const name = nameOf(item);
    const remaining = count(parameters.get('r'));
    const resetS = optional(parameters.get('t'));
    if (name === undefined || remaining === undefined || resetS === null) return undefined;
    return { name, remaining, resetS, quota: undefined };
  });
}

function readDictionary(value: string): readonly Standing[] | undefined {
  if (value.length > FIELD_CHARS_MAX) return undefined;
  const found = parsing(() => parseDictionary(value));
  const figure = (name: string): number | null | undefined => {
    const member = found?.get(name);
    return member === undefined ? undefined : (count(member[0]) ?? null);
  };
  const [quota, remaining, resetS] = [figure('limit'), figure('remaining'), figure('reset')];
  if (typeof remaining !== 'number' || quota === null || quota === 0 || resetS === null) {
    return undefined;
  }
  return [{ name: '', remaining, resetS, quota }];
}

/** Every member of a list, read; undefined: it is no list, or one of them makes no sense. */
function each<T>(
  value: string,
  read: (item: unknown, parameters: ReadonlyMap<string, unknown>) => T | undefined,
): readonly T[] | undefined {
  if (value.length > FIELD_CHARS_MAX) return undefined;
  const list = parsing(() => parseList(value)) ?? [];
  if (list.length === 0 || list.length > POLICIES_MAX) return undefined;
  const members: T[] = [];
  for (const [item, parameters] of list) {
    const member = read(item, parameters);
    if (member === undefined) return undefined;
    members.push(member);
  }
  return members;
}

/** The parser says no by throwing. */
function parsing<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

/** A policy's name is a string; some write a token. */
function nameOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  return item instanceof Token ? item.toString() : undefined;
}

/** A whole number from 0 on: structured fields have no larger one than 15 digits. */
function count(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return undefined;
  return Math.abs(value); // -0 is 0
}

/** Undefined: absent. Null: there, and no count. */
function optional(value: unknown): number | null | undefined {
  return value === undefined ? undefined : (count(value) ?? null);
}
