/**
 * What one fake upstream is: its paths, its limits, its wording. Everything that all of them share
 * (HTTP, faults, accounting) lives around it, so that a provider is one file plus its data.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Type, type TObject, type TProperties } from '@sinclair/typebox';
import type { EpochMs, Json, JsonObject, MonotonicMs } from '../../kernel/types.js';

/** A request as the provider sees it. */
export type SandboxRequest = {
  readonly method: 'GET' | 'POST';
  /** Of a POST; at most 64 KiB. Else empty. */
  readonly body: string;
  /** Below the provider's base path; begins with `/`; not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The provider's clock (a clock-skew fault moves it). */
  readonly at: EpochMs;
  readonly monotonic: MonotonicMs;
};

export type AnswerBody =
  | { readonly kind: 'json'; readonly value: Json }
  | { readonly kind: 'text'; readonly text: string; readonly contentType: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly contentType: string }
  | { readonly kind: 'empty' };

/** Why a provider wants no more requests for now. */
export type ForbidCause = 'rate_limit' | 'ban' | 'quota';

/** An answer that says "not before": requests that come all the same are violations. */
export type Forbids = { readonly cause: ForbidCause; readonly until: EpochMs };

export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AnswerBody;
  readonly forbids?: Forbids;
};

/** Where a request stands towards what the provider said before. */
export type Standing =
  | { readonly kind: 'clear' }
  /** Sent before its sender could have read the refusal. */
  | { readonly kind: 'crossed'; readonly cause: ForbidCause }
  | { readonly kind: 'violation'; readonly cause: ForbidCause };

/** Which of its endpoints is meant, for limits and accounting. */
export type Route = {
  readonly endpoint: string;
  /** Absent: GET. */
  readonly method?: 'POST';
  readonly weight: number;
  /** What its limits count against: `ip`, or a key's fingerprint. Never the key. */
  readonly scope: string;
};

export const UNKNOWN_ENDPOINT = 'unknown';

/** What the limits make of a request, before anything else looks at it. */
export type Admission = {
  /** Headers that go with every answer, refusals included. */
  readonly headers: Readonly<Record<string, string>>;
  readonly refused?: Answer;
  /**
   * The request went beyond one of its windows. Absent: exactly when it was refused with a `forbids`;
   * to be set where the upstream answers all the same, or refuses without saying until when.
   */
  readonly isBeyond?: boolean;
};

/** The refusals that a fault may ask a provider to word. */
export type Refusal =
  | { readonly kind: 'throttled' }
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'quota_gone' }
  | { readonly kind: 'banned'; readonly until: EpochMs };

/** One running provider: its counters and its data. */
export type ProviderState = {
  route(request: SandboxRequest): Route;
  admit(request: SandboxRequest, route: Route, standing: Standing): Admission;
  answer(request: SandboxRequest, route: Route): Answer | Promise<Answer>;
  word(refusal: Refusal, request: SandboxRequest): Answer;
  /** Told what a request ended as, where that decides what it costs. */
  settle?(route: Route, status: number, at: EpochMs): void;
  /** Its own counters, for `GET /__sandbox`. */
  usage(at: EpochMs): JsonObject;
};

export type ProviderEnvironment<S> = {
  /** As they are now: read at every use, for they change at run time. */
  readonly settings: () => S;
  readonly seed: number;
  readonly startedAt: EpochMs;
  /** Between parts of a long calculation: lets others run, where there are others. */
  readonly breathe: () => Promise<void>;
};

export type SandboxProvider = {
  readonly name: string;
  /** What the real base URL has behind the host: `''` or `/api/v2.2`. */
  readonly basePath: string;
  /** Content type of its JSON. */
  readonly jsonType: string;
  readonly settings: TObject;
  readonly defaults: JsonObject;
  /** Names of settings that are credentials: never shown. */
  readonly secrets: readonly string[];
  /** Keys it accepts, by the variable that holds the real one: they open nothing else. */
  readonly keys: Readonly<Record<string, string>>;
  /** The refusals this upstream knows; a fault that needs another one is rejected. */
  readonly refusals: readonly Refusal['kind'][];
  readonly open: (environment: ProviderEnvironment<JsonObject>) => ProviderState;
};

/** Settings every provider has. */
const SHARED_SETTINGS = {
  signalGraceMs: Type.Integer({
    minimum: 0,
    maximum: 60_000,
    description: 'Requests this soon after a refusal crossed it on the wire: not violations.',
  }),
};

const SHARED_DEFAULTS = { signalGraceMs: 100 };

type Definition<S extends JsonObject> = Omit<
  SandboxProvider,
  'settings' | 'defaults' | 'open' | 'secrets' | 'keys'
> & {
  readonly settings: TProperties;
  readonly defaults: S;
  readonly secrets?: readonly string[];
  readonly keys?: Readonly<Record<string, string>>;
  readonly open: (environment: ProviderEnvironment<S>) => ProviderState;
};

/** Makes a provider of its definition: adds the settings that all share. */
export function sandboxProvider<S extends JsonObject>(definition: Definition<S>): SandboxProvider {
  return {
    ...definition,
    secrets: definition.secrets ?? [],
    keys: definition.keys ?? {},
    settings: Type.Object(
      { ...SHARED_SETTINGS, ...definition.settings },
      { additionalProperties: false },
    ),
    defaults: { ...SHARED_DEFAULTS, ...definition.defaults },
    open: (environment) =>
      definition.open({
        ...environment,
        // Sound: control.ts stores settings only after they passed the schema above.
        settings: () => environment.settings() as S,
      }),
  };
}

export function json(
  status: number,
  value: Json,
  extra: Pick<Answer, 'headers' | 'forbids'> = {},
): Answer {
  return { status, body: { kind: 'json', value }, ...extra };
}

export function empty(status: number): Answer {
  return { status, body: { kind: 'empty' } };
}

/** Whole seconds until a moment, at least 1: what Retry-After carries. */
export function secondsUntil(until: EpochMs, at: EpochMs): number {
  return Math.max(1, Math.ceil((until - at) / 1000));
}
