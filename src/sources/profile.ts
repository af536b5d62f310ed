/** How an exchange is judged: the rules that hold for every provider, and where a profile refines them. */
import type { EpochMs, Json } from '../kernel/types.js';
import { headerReader, type HeaderReader } from './headers.js';
import { policiesOf, type PolicyBucket } from './rate-limit-fields.js';
import type { Exchange, Observation, Outcome, ProviderProfile, Units, Verdict } from './port.js';

/** An answer, as far as it came: a failed exchange with a status counts when that status is an error. */
export type Answer = {
  readonly status: number;
  readonly headers: HeaderReader;
  /** Parsed JSON; undefined when it was none. */
  readonly body: Json | undefined;
  /** The first characters of the body as text, for answers that are none: signs are looked for here. */
  readonly text: string;
  /** A name of the profile's weights. */
  readonly endpoint: string;
  readonly at: EpochMs;
};

/** What an answer means, before observations and charge are added. */
export type Meaning = Pick<Verdict, 'outcome' | 'message' | 'retryAt' | 'bucket' | 'warning'>;

export type JudgingRules = {
  readonly provider: string;
  /** What the limit headers tell, whatever the class. */
  readonly observe?: (answer: Answer) => readonly Observation[];
  /** Which buckets the IETF fields `RateLimit` and `RateLimit-Policy` tell of; absent: not read. */
  readonly rateLimit?: readonly PolicyBucket[];
  /** This provider's own reading; undefined: the general rule stands. */
  readonly refine?: (answer: Answer) => Meaning | undefined;
  /** Which exchanges use up the provider's units; absent: `billedByDefault`. */
  readonly charged?: (exchange: Exchange) => boolean;
  /** What the call really drew, where the answer tells. */
  readonly units?: (answer: Answer) => Units | undefined;
};

/** How much of a body is looked at for signs: a pattern over megabytes would hold the loop. */
export const SIGN_CHARS_MAX = 4096;

/** The provider's `judge`: general rules of semantics §1, refined by its own. Pure; never throws. */
export function judging(rules: JudgingRules): ProviderProfile['judge'] {
  return (exchange, body, at, endpoint) => {
    const headers = headerReader(exchange.headers ?? {});
    const text = textOf(exchange);
    const answer: Answer = { status: exchange.status ?? 0, headers, body, text, endpoint, at };
    const observations = [
      ...(rules.observe?.(answer) ?? []),
      ...(rules.rateLimit === undefined ? [] : policiesOf(rules.rateLimit, answer)),
    ];
    const meaning = meaningOf(rules, exchange, answer);
    const units = exchange.kind === 'answered' ? rules.units?.(answer) : undefined;
    return {
      ...meaning,
      ...(units === undefined ? {} : { units }),
      observations,
      malformedHeaders: headers.malformed(),
      charged: (rules.charged ?? billedByDefault)(exchange),
    };
  };
}

function textOf(exchange: Exchange): string {
  const bytes = exchange.kind === 'answered' ? exchange.body : exchange.head;
  return bytes === undefined ? '' : bytes.subarray(0, SIGN_CHARS_MAX).toString('utf8');
}

function meaningOf(rules: JudgingRules, exchange: Exchange, answer: Answer): Meaning {
  if (exchange.kind === 'answered') return rules.refine?.(answer) ?? generalMeaning(rules, answer);
  if (exchange.cause === 'aborted')
    return { outcome: 'cancelled', message: 'aborted by ourselves' };
  // The status line of an error says what it means, however badly its page ended.
  if (answer.status >= 300) return rules.refine?.(answer) ?? generalMeaning(rules, answer);
  return {
    outcome: failedClass(exchange.cause),
    message: `${rules.provider}: ${exchange.cause}: ${exchange.message}`,
  };
}

function failedClass(cause: Extract<Exchange, { kind: 'failed' }>['cause']): Outcome {
  switch (cause) {
    case 'too_large':
    case 'truncated':
      return 'bad_data';
    case 'redirect_refused':
    case 'address_refused':
      // Not the upstream's health but how we were told to reach it.
      return 'client';
    case 'aborted':
      return 'cancelled';
    case 'timeout':
    case 'reset':
    case 'refused':
    case 'dns':
    case 'tls':
    case 'other':
      return 'server';
  }
}

/** The class by status alone, as RFC 9110 means it. */
export function generalMeaning(rules: Pick<JudgingRules, 'provider'>, answer: Answer): Meaning {
  const { status, headers, at } = answer;
  const said = `${rules.provider} answered ${String(status)}`;
  const retryAt = headers.retryAfter(at);
  if (status === 429 || (status === 503 && retryAt !== undefined)) {
    const message = `${said}: too many requests`;
    return { outcome: 'throttled', message, ...(retryAt === undefined ? {} : { retryAt }) };
  }
  if (status >= 500 || status === 408) return { outcome: 'server', message: said };
  if (status === 401 || status === 403) return { outcome: 'auth', message: said };
  if (status >= 400) return { outcome: 'client', message: said };
  if (status >= 300) return { outcome: 'client', message: `${said}: redirects are not followed` };
  if (status < 200) return { outcome: 'server', message: said };
  return answer.body === undefined
    ? { outcome: 'bad_data', message: `${said}: the body is not JSON` }
    : { outcome: 'ok', message: said };
}

/**
 * Billed is what was served or was our mistake: 2xx, 3xx, 4xx other than 429. Where no answer came but
 * the upstream may have seen the request, it counts as billed: cost is never undercounted.
 */
export function billedByDefault(exchange: Exchange): boolean {
  const status = exchange.status;
  if (status === undefined) return mayHaveArrived(exchange);
  return status >= 200 && status < 500 && status !== 429;
}

/** Whether the upstream may have seen the request: its limits count it then, whatever became of it. */
export function mayHaveArrived(exchange: Exchange): boolean {
  if (exchange.kind === 'answered' || exchange.status !== undefined) return true;
  if (exchange.sent !== undefined) return exchange.sent;
  return !['refused', 'dns', 'tls', 'address_refused'].includes(exchange.cause);
}

/**
 * The same provider at another address, e.g. the sandbox. The profile's own path stays: its base
 * `https://host/api/v2` moved to `http://127.0.0.1:9/x` becomes `http://127.0.0.1:9/x/api/v2`; an
 * address that ends in that path already is taken as it is.
 */
export function withBaseUrl(profile: ProviderProfile, url: string): ProviderProfile {
  const { token } = profile;
  return {
    ...profile,
    baseUrl: movedTo(profile.baseUrl, url),
    ...(token === undefined ? {} : { token: { ...token, baseUrl: movedTo(token.baseUrl, url) } }),
  };
}

function movedTo(baseUrl: string, url: string): string {
  const own = new URL(baseUrl).pathname.replace(/\/+$/, '');
  const moved = url.replace(/\/+$/, '');
  return moved.endsWith(own) ? moved : moved + own;
}
