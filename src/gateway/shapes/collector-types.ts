/** What can be collected, as REST shows it: the sources there are, whoever wrote them. */
import type { JsonObject } from '../../kernel/types.js';
import { decimalOf } from './numbers.js';

/** One source, as the program knows it; the arrows keep the sources' own port out of this room. */
export type CollectorType = {
  readonly name: string;
  /** onchain | social | market_data | sentiment */
  readonly type: string;
  readonly description: string;
  /** user: of a module that the configuration names. */
  readonly origin: 'built-in' | 'user';
  readonly paid: boolean;
  readonly intervalMs: number;
  /** Variables of its secrets, and whether the service has one: never what it is. */
  readonly keys: readonly {
    readonly variable: string;
    readonly isSet: boolean;
    readonly required: boolean;
  }[];
  /** The first is the primary. */
  readonly upstreams: readonly CollectorTypeUpstream[];
  /** JSON Schema of `collectors.<name>.options`. */
  readonly options: JsonObject;
  readonly defaults: JsonObject;
  /** Collectors that poll it. */
  readonly collectors: readonly string[];
};

export type CollectorTypeUpstream = {
  readonly name: string;
  readonly provider: string;
  readonly baseUrl: string;
  readonly scope: string;
  readonly tier: string;
  readonly currency: string;
  readonly maxRequestsPerSecond: number;
  readonly recoveryWindowMs: number;
  readonly endpoints: readonly string[];
  readonly buckets: readonly CollectorTypeBucket[];
};

export type CollectorTypeBucket = {
  readonly name: string;
  readonly kind: string;
  readonly limit: number;
  readonly windowMs?: number;
  readonly period?: string;
  readonly zone?: string;
  readonly unit: string;
  readonly quota: boolean;
  readonly priceMicros: number;
};

/** One member of `collector_types`. */
export function collectorTypeLine(source: CollectorType) {
  return {
    name: source.name,
    type: source.type,
    description: source.description,
    origin: source.origin,
    paid: source.paid,
    interval_ms: source.intervalMs,
    keys: source.keys.map(({ variable, isSet, required }) => ({ variable, set: isSet, required })),
    upstreams: source.upstreams.map(upstreamLine),
    options: withDefaults(source.options, source.defaults),
    collectors: source.collectors,
  };
}

function upstreamLine(upstream: CollectorTypeUpstream) {
  return {
    name: upstream.name,
    provider: upstream.provider,
    host: new URL(upstream.baseUrl).host,
    scope: upstream.scope,
    tier: upstream.tier,
    currency: upstream.currency,
    max_requests_per_second: upstream.maxRequestsPerSecond,
    recovery_window_ms: upstream.recoveryWindowMs,
    endpoints: upstream.endpoints,
    buckets: upstream.buckets.map(bucketLine),
  };
}

function bucketLine(bucket: CollectorTypeBucket) {
  return {
    name: bucket.name,
    kind: bucket.kind,
    limit: bucket.limit,
    unit: bucket.unit,
    window_ms: bucket.windowMs ?? null,
    period: bucket.period ?? null,
    zone: bucket.zone ?? null,
    quota: bucket.quota,
    price_per_unit: decimalOf(bucket.priceMicros),
  };
}

/** Each property with the default it has in fact, wherever the source wrote it. */
function withDefaults(options: JsonObject, defaults: JsonObject): JsonObject {
  const { properties } = options;
  if (typeof properties !== 'object' || properties === null) return options;
  const whole = Object.entries(properties).map(([name, schema]) => {
    const fallback = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (fallback === undefined || typeof schema !== 'object') return [name, schema] as const;
    return [name, Object.assign({}, schema, { default: fallback })] as const;
  });
  return { ...options, properties: Object.fromEntries(whole) };
}
