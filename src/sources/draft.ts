/** What the author of a source writes, and how it becomes whole: everything usual may be left out. */
import type { Static, TObject } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { MINUTE_MS } from '../kernel/time.js';
import type { DurationMs, JsonObject } from '../kernel/types.js';
import type {
  BucketProfile,
  ProviderProfile,
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
} from './port.js';
import { judging } from './profile.js';

/** A bucket counts requests, is no paid quota and costs nothing, unless it says otherwise. */
export type BucketDraft = Omit<BucketProfile, 'unit' | 'quota' | 'priceMicros'> &
  Partial<Pick<BucketProfile, 'unit' | 'quota' | 'priceMicros'>>;

type Needed = 'provider' | 'baseUrl' | 'maxRequestsPerSecond' | 'weights';

/** Without `judge` the general rules hold; without `scope` its limits count against the provider. */
export type ProfileDraft = Pick<ProviderProfile, Needed> &
  Partial<Omit<ProviderProfile, Needed | 'buckets'>> & {
    readonly buckets?: readonly BucketDraft[];
  };

/** `options` gives the type of `context.options`; `defaults` may be left to the schema's own. */
export type SourceDraft<S extends TObject> = Pick<
  SourceDefinition,
  'name' | 'type' | 'description' | 'intervalMs'
> & {
  readonly options: S;
  readonly defaults?: Static<S>;
  /** Absent: false. */
  readonly paid?: boolean;
  /** The first is the primary. */
  readonly upstreams: Readonly<Record<string, ProfileDraft>>;
  /** Absent: its interval. */
  readonly expectedEveryMs?: (options: Static<S>) => DurationMs;
  readonly collect: (
    context: SourceContext<Static<S>>,
  ) => AsyncGenerator<SourcePage, RequestFailure | undefined>;
};

/** What may be wrong in a draft is left as it is: the rules name it afterwards. */
export function wholeProfile(draft: ProfileDraft): ProviderProfile {
  const { provider, buckets } = draft;
  return {
    scope: provider,
    recoveryWindowMs: MINUTE_MS,
    tier: 'Free',
    currency: 'USD',
    headers: () => ({ accept: 'application/json' }),
    judge: judging({ provider }),
    ...draft,
    buckets: wholeBuckets(buckets ?? []),
  };
}

function wholeBuckets(drafts: readonly BucketDraft[]): readonly BucketProfile[] {
  const list: unknown = drafts;
  if (!Array.isArray(list)) return list as readonly BucketProfile[];
  return drafts.map((draft) => (isObject(draft) ? wholeBucket(draft) : draft));
}

function wholeBucket(draft: BucketDraft): BucketProfile {
  return { unit: 'request', quota: false, priceMicros: 0, ...draft };
}

/** Sound as a whole only once the rules have found nothing in it. */
export function wholeSource<S extends TObject>(draft: SourceDraft<S>): SourceDefinition {
  const { intervalMs, options } = draft;
  const upstreams = Object.entries(isObject(draft.upstreams) ? draft.upstreams : {});
  const whole = {
    paid: false,
    expectedEveryMs: () => intervalMs,
    defaults: defaultsOf(options),
    ...draft,
    upstreams: Object.fromEntries(
      upstreams.map(([name, profile]) => [
        name,
        isObject(profile) ? wholeProfile(profile) : profile,
      ]),
    ),
  };
  return whole as unknown as SourceDefinition;
}

function defaultsOf(options: TObject): JsonObject {
  try {
    return Value.Default(options, {}) as JsonObject;
  } catch {
    return {}; // no schema at all: the rules say so
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
