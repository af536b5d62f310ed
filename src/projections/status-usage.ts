/** What collectors used of a scope, and what its upstream told, by endpoint. Pure. */
import type {
  EndpointUsage,
  QuotaObserved,
  UnitsSettled,
} from '../gen/headgate/events/v1/limiter.js';
import { periodOf } from '../kernel/calendar.js';
import type { EndpointDoc, LimiterDoc, UsageDoc } from './views.js';

const NO_USAGE: UsageDoc = {
  calls: 0,
  throttled: 0,
  delayed: 0,
  lastRequestAt: null,
  endpoints: {},
};

export function throttledIn(usage: readonly EndpointUsage[]): number {
  return usage.reduce((sum, { outcome, calls }) => sum + (outcome === 'throttled' ? calls : 0), 0);
}

/** What the collector of a settled block has used of the scope, with that block. */
export function usageAfter(doc: LimiterDoc, f: UnitsSettled): UsageDoc {
  const before = doc.usage[f.collector] ?? NO_USAGE;
  const endpoints: Record<string, EndpointDoc> = { ...before.endpoints };
  for (const { endpoint, calls, charged } of f.usage) {
    const known = endpoints[endpoint] ?? NO_ENDPOINT;
    const drawn = charged.map(({ bucket }) => bucket).filter((one) => !draws(known, one));
    const told = drawn.map((bucket) => knownOf(doc, bucket)).find((one) => one !== undefined);
    endpoints[endpoint] = {
      ...(known.rateLimit === null ? { ...known, ...told } : known),
      requests: known.requests + calls,
      ...(drawn.length > 0 && { buckets: [...(known.buckets ?? []), ...drawn] }),
    };
  }
  return {
    calls: before.calls + f.sent,
    throttled: before.throttled + throttledIn(f.usage),
    delayed: before.delayed + f.delayed,
    lastRequestAt: f.lastSentAtMs ?? before.lastRequestAt,
    endpoints,
  };
}

const NO_ENDPOINT: EndpointDoc = { requests: 0, rateLimit: null, remaining: null, resetAt: null };

type Seen = Pick<QuotaObserved, 'bucket' | 'atMs' | 'limit' | 'remaining' | 'used' | 'resetAtMs'>;

export function remainingOf({ limit, remaining, used }: Omit<Seen, 'atMs'>): number | null {
  if (remaining !== undefined) return remaining;
  return limit === undefined || used === undefined ? null : Math.max(0, limit - used);
}

function draws({ buckets = [] }: EndpointDoc, bucket: string): boolean {
  return buckets.includes(bucket);
}

/** What was said last of a bucket, before it was known that this endpoint draws from it. */
function knownOf(doc: LimiterDoc, bucket: string): WindowTold | undefined {
  const seen = doc.observed[bucket];
  if (seen === undefined) return undefined;
  const { at: atMs, limit, remaining, used, resetAt } = seen;
  return windowTold(doc, {
    bucket,
    atMs,
    ...(limit !== null && { limit }),
    ...(remaining !== null && { remaining }),
    ...(used !== null && { used }),
    ...(resetAt !== null && { resetAtMs: resetAt }),
  });
}

/** Documents written before buckets had anchors have none. */
type Bucket = LimiterDoc['buckets'][number] & { readonly anchor?: string };

/** What the upstream leaves out, its bucket knows: how much a window holds, and when that one ended. */
type WindowTold = Omit<EndpointDoc, 'requests' | 'buckets'>;

function windowTold(doc: LimiterDoc, f: Seen): WindowTold {
  const bucket: Bucket | undefined = doc.buckets.find(({ name }) => name === f.bucket);
  const limit = f.limit ?? bucket?.limit;
  // One that begins with a call ends when the upstream says, and only then.
  const isFixed = bucket?.kind === 'fixed' && bucket.anchor !== 'reset';
  return {
    rateLimit: limit ?? null,
    remaining: remainingOf(limit === undefined ? f : { ...f, limit }),
    resetAt: f.resetAtMs ?? (isFixed ? periodOf(bucket, f.atMs).end : null),
  };
}

/**
 * The fact names no collector: it is shown at each endpoint that draws from the bucket, and, before any
 * block is settled, at the one that was asked, where the scope has but one collector.
 */
export function usageObserved(doc: LimiterDoc, f: QuotaObserved): LimiterDoc['usage'] {
  const told = windowTold(doc, f);
  const shown = (name: string, endpoint: EndpointDoc): EndpointDoc =>
    name === f.endpoint || draws(endpoint, f.bucket) ? { ...endpoint, ...told } : endpoint;
  const usage = Object.fromEntries(
    Object.entries(doc.usage).map(([collector, of]) => {
      const endpoints = Object.entries(of.endpoints).map(([name, each]) => [
        name,
        shown(name, each),
      ]);
      return [
        collector,
        { ...of, endpoints: Object.fromEntries(endpoints) as UsageDoc['endpoints'] },
      ];
    }),
  );
  const isKnown = Object.values(doc.usage).some(({ endpoints }) =>
    Object.hasOwn(endpoints, f.endpoint),
  );
  const [only, ...others] = doc.collectors;
  if (isKnown || f.endpoint === '' || only === undefined || others.length > 0) return usage;
  const before = usage[only] ?? NO_USAGE;
  const endpoint = { ...NO_ENDPOINT, ...told };
  const endpoints = { ...before.endpoints, [f.endpoint]: endpoint };
  return { ...usage, [only]: { ...before, endpoints } };
}
