/** The rules for what a profile counts: its buckets, and what each endpoint draws from them. */
import { DAY_MS } from '../kernel/time.js';
import { isObject } from './draft.js';
import type { BucketProfile } from './port.js';
import {
  checkMembers,
  isBoolean,
  isNumber,
  isOneOf,
  isText,
  isWhole,
  type Complain,
  type MemberRule,
} from './rule.js';

const BUCKET = /^[a-z][a-z0-9_-]{0,62}$/;
const BUCKETS_MAX = 16;
/** Longer than any provider's longest window. */
const WINDOW_MAX_MS = 366 * DAY_MS;

const MEMBERS = {
  name: { holds: isText(BUCKET), rule: 'must begin with a letter, then a-z, 0-9, - and _' },
  kind: { holds: isOneOf(['rolling', 'fixed']), rule: 'must be "rolling" or "fixed"' },
  limit: { holds: isNumber(0, 1e12), rule: 'must be a number above 0' },
  windowMs: {
    holds: isNumber(0, WINDOW_MAX_MS),
    rule: 'must be milliseconds above 0, at most a year',
    optional: true,
  },
  anchor: {
    holds: isOneOf(['clock', 'reset']),
    rule: 'must be "clock" or "reset"',
    optional: true,
  },
  burst: { holds: isNumber(0, 1e12), rule: 'must be a number above 0', optional: true },
  period: {
    holds: isOneOf(['day', 'month']),
    rule: 'must be "day" or "month"',
    optional: true,
  },
  zone: { holds: isZone, rule: 'must be an IANA zone, e.g. Europe/Berlin', optional: true },
  anchorDay: {
    holds: isWhole(1, 31),
    rule: 'must be a day of the month, 1 to 31',
    optional: true,
  },
  unit: { holds: isText(/^[^\p{Cc}]{1,40}$/u), rule: 'must be text of 1 to 40 characters' },
  quota: { holds: isBoolean, rule: 'must be true or false' },
  priceMicros: {
    holds: isWhole(0, Number.MAX_SAFE_INTEGER),
    rule: 'must be a whole number of millionths, 0 or more',
  },
} as const satisfies Record<keyof BucketProfile, MemberRule>;

/** Tells what is wrong with the buckets, with the weights, and between them. */
export function bucketRules(
  buckets: readonly unknown[],
  weights: Readonly<Record<string, unknown>>,
  at: string,
  complain: Complain,
): void {
  if (buckets.length > BUCKETS_MAX)
    complain(`${at}buckets`, `must be at most ${String(BUCKETS_MAX)}`);
  const limits = new Map<string, unknown>();
  for (const [index, bucket] of buckets.entries()) {
    const place = `${at}buckets[${String(index)}]`;
    if (!isObject(bucket)) {
      complain(place, 'must be an object', bucket);
      continue;
    }
    checkMembers(bucket, MEMBERS, `${place}.`, complain);
    windowRules(bucket, place, complain);
    const { name } = bucket;
    if (typeof name !== 'string') continue; // complained of above
    if (limits.has(name)) complain(`${place}.name`, 'must be the only one of this name', name);
    limits.set(name, bucket['limit']);
  }
  const drawn = weightRules(weights, limits, at, complain);
  for (const name of limits.keys()) {
    if (!drawn.has(name)) complain(`${at}buckets`, `no endpoint draws from ${name}: see weights`);
  }
}

type Bucket = Readonly<Record<string, unknown>>;

/** Members that make no sense beside the others. */
const BETWEEN: readonly (readonly [
  member: string,
  isWrong: (bucket: Bucket) => boolean,
  rule: string,
])[] = [
  ['period', ({ kind }) => kind === 'rolling', 'belongs to a fixed bucket; else give windowMs'],
  [
    'anchor',
    ({ kind, windowMs }) => kind !== 'fixed' || windowMs === undefined,
    'belongs to a fixed bucket with windowMs',
  ],
  ['burst', ({ kind }) => kind !== 'rolling', 'belongs to a rolling bucket'],
  ['burst', ({ burst, limit }) => Number(burst) > Number(limit), 'must be at most the limit'],
  ['zone', ({ period }) => period === undefined, 'belongs to a period'],
  ['anchorDay', ({ period }) => period !== 'month', 'belongs to the period "month"'],
];

function windowRules(bucket: Bucket, place: string, complain: Complain): void {
  if ((bucket['windowMs'] === undefined) === (bucket['period'] === undefined))
    complain(place, 'must have either windowMs or period');
  for (const [member, isWrong, rule] of BETWEEN) {
    if (bucket[member] === undefined || !isWrong(bucket)) continue;
    complain(`${place}.${member}`, rule, bucket[member]);
  }
}

/** Answers the buckets that some endpoint draws from. */
function weightRules(
  weights: Readonly<Record<string, unknown>>,
  limits: ReadonlyMap<string, unknown>,
  at: string,
  complain: Complain,
): ReadonlySet<string> {
  const drawn = new Set<string>();
  for (const [endpoint, draws] of Object.entries(weights)) {
    const place = `${at}weights.${endpoint}`;
    if (!isObject(draws)) {
      complain(place, 'must be an object of bucket and weight, {} for none', draws);
      continue;
    }
    for (const [bucket, weight] of Object.entries(draws)) {
      drawn.add(bucket);
      const limit = limits.get(bucket);
      if (!limits.has(bucket))
        complain(`${place}.${bucket}`, `is no bucket; there are ${list([...limits.keys()])}`);
      else if (!isNumber(0, 1e12)(weight))
        complain(`${place}.${bucket}`, 'must be a number above 0', weight);
      else if (typeof limit === 'number' && Number(weight) > limit)
        complain(`${place}.${bucket}`, `must be at most the limit, ${String(limit)}`, weight);
    }
  }
  return drawn;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function isZone(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}
