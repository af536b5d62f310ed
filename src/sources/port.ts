/**
 * The outside: what a source is, what an upstream is like, and how an exchange with it is sent.
 * The door (actors/door.ts) calls these; nothing here decides whether a call may go.
 */
import type { TSchema, Static } from '@sinclair/typebox';
import type { DurationMs, EpochMs, Json, JsonObject } from '../kernel/types.js';
import type { Logger } from '../kernel/observe.js';
import type { CollectedRecord } from '../kernel/record.js';

/** The class of an outcome: exactly one, for exactly one owner (semantics §1). */
export const OUTCOMES = [
  'ok',
  'throttled',
  'banned',
  'quota_exhausted',
  'auth',
  'client',
  'server',
  'bad_data',
  'cancelled',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a request is, before the profile adds keys and headers. */
export type RequestSpec = {
  /** Path below the base URL, already filled in and encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
};

/** An exchange as it came over the wire, before anyone judges it. */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string>>;
      /** Decoded bytes, at most the cap. */
      readonly body: Buffer;
      readonly durationMs: DurationMs;
    }
  | {
      readonly kind: 'failed';
      /** too_large: the decoded body passed its cap. aborted: by our own signal. */
      readonly cause:
        | 'timeout'
        | 'reset'
        | 'refused'
        | 'dns'
        | 'tls'
        | 'too_large'
        | 'truncated'
        | 'redirect_refused'
        | 'address_refused'
        | 'aborted'
        | 'other';
      readonly message: string;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** First bytes of what did arrive, for the evidence table. */
      readonly head?: Buffer;
      readonly bytes?: number;
      /** false: nothing of it reached the wire, so it may be returned; else the upstream may have seen it. */
      readonly sent?: boolean;
      readonly durationMs: DurationMs;
    };

export type OutgoingRequest = {
  /** POST only for tokens: what collects does not change anything upstream. */
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a POST; its content type is among the headers. */
  readonly body?: string;
  /** Whole time the exchange may take, connect to last byte. */
  readonly timeoutMs: DurationMs;
  /** Cap on decoded bytes. */
  readonly bodyBytesMax: number;
  /** Loopback upstreams are allowed only where the operator configured them (the sandbox). */
  readonly allowLoopback: boolean;
  readonly signal: AbortSignal;
};

/** Sends one request and reads one answer. Never throws: whatever goes wrong is an `Exchange`. */
export interface Transport {
  send(request: OutgoingRequest): Promise<Exchange>;
  close(): Promise<void>;
}

/** What the answer tells the limiter, whatever its class. Only what the provider's profile declares. */
export type Observation = {
  /** Bucket of the scope it is about. */
  readonly bucket: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly used?: number;
  readonly resetAt?: EpochMs;
};

/** What an exchange means. */
export type Verdict = {
  readonly outcome: Outcome;
  /** One line for people; never a body, never a secret. */
  readonly message: string;
  /**
   * For `throttled` and `banned`: no request before this moment, by the upstream's word. For
   * `quota_exhausted`: when the bucket fills again, where the provider's rule tells.
   */
  readonly retryAt?: EpochMs;
  /** For `quota_exhausted`: the bucket, and when it fills again by the provider's rule. */
  readonly bucket?: string;
  /**
   * What the call really drew from each bucket, where the answer tells (posts read, weight used). A
   * bucket that is not named keeps what was reserved.
   */
  readonly units?: Units;
  /** For `ok`: something in the answer that people should know, e.g. errors beside the data. */
  readonly warning?: string;
  readonly observations: readonly Observation[];
  /** Limit headers that were there and made no sense: ignored and counted. */
  readonly malformedHeaders: number;
  /** Whether the provider charges for it. */
  readonly charged: boolean;
};

/** Units of buckets by their names. */
export type Units = Readonly<Record<string, number>>;

/** The secrets an upstream needs, by the variable that usually holds each. In memory only. */
export type Keys = Readonly<Record<string, string>>;

/** What a bucket of a provider's scope counts (data, for ScopeConfigured). */
export type BucketProfile = {
  readonly name: string;
  /**
   * rolling: in any window of `windowMs`; up to a minute paced with a burst, longer ones counted in a
   * ring of slots. fixed: a counter to the end of its window or calendar period.
   */
  readonly kind: 'rolling' | 'fixed';
  readonly limit: number;
  readonly windowMs?: DurationMs;
  /**
   * Of a fixed window. clock (default): aligned to the epoch. reset: it begins with its first call and
   * ends when the upstream says (`resetAt` of an observation), without its word after `windowMs`.
   */
  readonly anchor?: 'clock' | 'reset';
  readonly burst?: number;
  readonly period?: 'day' | 'month';
  readonly zone?: string;
  readonly anchorDay?: number;
  readonly unit: string;
  readonly quota: boolean;
  /** Millionths of the currency per unit. */
  readonly priceMicros: number;
};

/** Everything particular to one provider, as data, plus how its answers are read. */
export type ProviderProfile = {
  readonly provider: string;
  readonly baseUrl: string;
  /** What its limits count against: the default scope name, e.g. `binance-ip`, `moralis-account`. */
  readonly scope: string;
  readonly maxRequestsPerSecond: number;
  /** The provider's own window: how long recovery takes after a cut. */
  readonly recoveryWindowMs: DurationMs;
  readonly buckets: readonly BucketProfile[];
  readonly tier: string;
  readonly currency: string;
  /** Weight of each endpoint in each bucket it draws from. */
  readonly weights: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Variables of the secrets it needs; absent: none. */
  readonly keys?: readonly string[];
  /** Secrets without which it works too, only with other limits. */
  readonly optionalKeys?: readonly string[];
  /** Headers for every request, the key included. `token`: as `token.read` gave it. */
  headers(keys: Keys, token?: string): Readonly<Record<string, string>>;
  /** Query parameters for every request, where the provider takes its key there. */
  query?(keys: Keys): Readonly<Record<string, string>>;
  /** Where a short-lived token is got before anything else can be asked. */
  readonly token?: TokenProfile;
  /** Absent: no redirect is followed. Each hop is a call of its own: permit and unit. */
  readonly redirects?: 'same-origin';
  /** Reads one exchange. `body` is the parsed JSON, or undefined when it is not JSON. */
  judge(exchange: Exchange, body: Json | undefined, at: EpochMs, endpoint: string): Verdict;
};

/** How a token is got (OAuth client credentials and the like). Its call goes through the door too. */
export type TokenProfile = {
  /** A name of the profile's `weights`: the token call's own buckets. */
  readonly endpoint: string;
  /** Often another host than the API's. */
  readonly baseUrl: string;
  request(keys: Keys): {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  /** From a body the profile judged `ok`. Undefined: it holds no token (`bad_data`). */
  read(body: Json): { readonly token: string; readonly lastsMs: DurationMs } | undefined;
};

/** What a request of a source ended as: the body, or the class it failed with. */
export type Reply<T> =
  { readonly ok: true; readonly body: T; readonly status: number } | RequestFailure;

/** Not an exception: the run ends with it (`return reply`). */
export type RequestFailure = {
  readonly ok: false;
  /** `blocked`: it never left; `cause` says why. Else the class of the exchange. */
  readonly outcome: Exclude<Outcome, 'ok'> | 'blocked';
  readonly message: string;
  readonly endpoint: string;
  /** Which of the further upstreams it was; absent: the primary. */
  readonly upstream?: string;
  readonly status: number;
  /** key: this upstream's secret is missing; `message` names the variable. */
  readonly cause?: 'breaker' | 'rate_limit' | 'quota' | 'ban' | 'desired' | 'draining' | 'key';
  /** When the same request may go again, if known. */
  readonly until?: EpochMs;
  readonly evidence?: { readonly sha256: string; readonly bytes: number };
};

/** All that a source gets to see of the world. */
export type SourceContext<O> = {
  readonly options: O;
  /** Where each series stands; undefined: never collected. */
  cursor(series: string): Json | undefined;
  now(): EpochMs;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /**
   * Says something about this run that people should know though it goes on: another upstream stood in,
   * part of an answer was missing. Recorded with the run's end and shown; never a body, never a secret.
   */
  warn(message: string): void;
  /**
   * The one way out. Waits for its permit, sends, checks the body against `schema`.
   * `endpoint` is a name of the profile's `weights`; its labels and usage go by that name.
   */
  request<S extends TSchema>(
    endpoint: string,
    spec: RequestSpec & {
      readonly schema: S;
      /**
       * What a schema cannot say: undefined, or what makes the body impossible (it is `bad_data` then).
       * Called only with a body that fits `schema`; never throws.
       */
      readonly check?: (body: Static<S>) => string | undefined;
      readonly priority?: 'live' | 'backfill';
      /** A name of the source's `upstreams`; absent: the primary. */
      readonly upstream?: string;
      /** The most this call may draw, where that depends on the request; else the profile's weights. */
      readonly units?: Units;
    },
  ): Promise<Reply<Static<S>>>;
};

/** One page: its records become durable, then the cursor moves. */
export type SourcePage = {
  readonly series: string;
  readonly records: readonly CollectedRecord[];
  /** Where the next page starts. */
  readonly cursor: Json;
  readonly gaps?: readonly {
    readonly fromMs: EpochMs;
    readonly toMs: EpochMs;
    readonly missing: number;
  }[];
};

/** A data collector's source, in one file: what to ask, how to read the answer. */
export type SourceDefinition<O extends JsonObject = JsonObject> = {
  readonly name: string;
  readonly type: 'onchain' | 'social' | 'market_data' | 'sentiment';
  readonly description: string;
  /** JSON Schema of the options, with defaults and descriptions. */
  readonly options: TSchema;
  readonly defaults: O;
  /** Starts disabled unless configured otherwise. */
  readonly paid: boolean;
  readonly intervalMs: DurationMs;
  /** The first is the primary. */
  readonly upstreams: Readonly<Record<string, ProviderProfile>>;
  /** How far data may lag before it counts as old: the upstream's own cadence. */
  expectedEveryMs(options: O): DurationMs;
  /** Yields pages; returns the failure that ended it, if one did. Throwing is a bug of the source. */
  collect(context: SourceContext<O>): AsyncGenerator<SourcePage, RequestFailure | undefined>;
};
