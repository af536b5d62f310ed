/**
 * The door: the only way from a source to its upstream (architecture §3).
 *
 * D1 Peek at the breaker; wait for the limiter; take a unit of a durable reservation; only then decide.
 * D2 The last step before the wire is synchronous: desired state, suspension, drain, breaker admission
 *    with its generation, the block's expiry. What is refused there gives permit and unit back.
 * D3 What was sent is spent: only a request that never reached the wire returns its unit.
 * D4 Reports go in this order: memory gates and limiter, breaker. Then the source gets its answer.
 * D5 Nothing sleeps here longer than the call's `waitMaxMs`; a longer wait is a failure that says until when.
 * D6 A call for a token, and each hop of a redirect, is a call like any other: permit, unit, D2, report.
 * D7 A request refused for its token is made once more with a new one; a second refusal stands.
 * D8 Keys and tokens go to the upstream and nowhere else.
 */
import type { Static, TSchema } from '@sinclair/typebox';
import { assert } from '../kernel/errors.js';
import { wait } from '../kernel/time.js';
import { requestUrl } from '../sources/exchange.port.js';
import type { Reply, RequestFailure, TokenProfile } from '../sources/port.js';
import { failureOf, judge, judgeToken, statusOf } from './door-answer.js';
import { place } from './door-call.js';
import type { Call, DoorDeps, DoorRun, DoorUpstream, Request } from './door-parts.js';
import { redacted, secretsOf, withKeys } from './door-secrets.js';
import type { Granted } from './door-token.js';
import { retryPauseMs } from './retry.js';

/** Sends one request of a source, with its retries, and judges the answer. */
export async function request<S extends TSchema>(
  deps: DoorDeps,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<Static<S>>> {
  const { upstream, name } = upstreamOf(deps, spec.upstream);
  const { missingKeys } = upstream;
  const reply =
    missingKeys.length > 0
      ? keyMissing(endpoint, missingKeys)
      : await withRetries(deps, upstream, run, endpoint, spec);
  return reply.ok || name === undefined ? reply : { ...reply, upstream: name };
}

async function withRetries<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<Static<S>>> {
  const asked: Asked<S> = { endpoint, spec, isRefreshed: false };
  let answer: RequestFailure | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const reply = await attemptOnce(deps, upstream, run, asked);
    if (reply.ok) {
      if (attempt === 1) deps.budget.succeeded();
      return reply;
    }
    // A retry that was not let out says when; what is wrong, the answer before it says.
    if (reply.outcome === 'blocked' && answer !== undefined) return { ...reply, ...answer };
    answer = reply;
    const again = attempt < deps.limits.retry.attemptsMax && mayRetry(deps, reply);
    if (!again || run.signal.aborted) return reply;
    if (reply.outcome === 'server') {
      const pause = retryPauseMs(deps.limits.retry, attempt, deps.random.next());
      await wait(deps.clock, pause, run.signal);
    }
  }
}

/** @throws {Error} the source names an upstream it did not declare: a bug of the source. */
function upstreamOf(
  deps: DoorDeps,
  name: string | undefined,
): { readonly upstream: DoorUpstream; readonly name?: string } {
  const primary = deps.upstreams.values().next();
  const found = name === undefined ? primary.value : deps.upstreams.get(name);
  if (found === undefined) throw new Error(`${deps.collector} has no upstream ${String(name)}`);
  return { upstream: found, ...(name !== undefined && found !== primary.value && { name }) };
}

/** Nothing is sent to an upstream whose secrets are not all there; the others go on. */
function keyMissing(endpoint: string, missingKeys: readonly string[]): RequestFailure {
  const message = `set ${missingKeys.join(' and ')}`;
  return { ok: false, outcome: 'blocked', cause: 'key', message, endpoint, status: 0 };
}

/** A server failure is tried again within the budget; a throttle, when its pause is short enough. */
function mayRetry(deps: DoorDeps, failure: RequestFailure): boolean {
  if (failure.outcome === 'server') return deps.budget.take(failure.status === 0);
  if (failure.outcome !== 'throttled') return false;
  const pause = (failure.until ?? deps.clock.now()) - deps.clock.now();
  return pause <= deps.limits.waitMaxMs && deps.budget.take(false);
}

/** What the source asked for. D7: a new token is got once, however often it is retried. */
type Asked<S extends TSchema> = {
  readonly endpoint: string;
  readonly spec: Request<S>;
  isRefreshed: boolean;
};

/** With its token, if it needs one. */
async function attemptOnce<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  asked: Asked<S>,
): Promise<Reply<Static<S>>> {
  if (upstream.profile.token === undefined) return ask(deps, upstream, run, asked);
  const granted = await tokenFor(deps, upstream, run);
  if (!granted.ok) return granted.failure;
  const reply = await ask(deps, upstream, run, asked, granted.token);
  if (reply.ok || reply.outcome !== 'auth' || asked.isRefreshed) return reply;
  asked.isRefreshed = true;
  upstream.tokens.forget(granted.token);
  const next = await tokenFor(deps, upstream, run);
  return next.ok ? ask(deps, upstream, run, asked, next.token) : next.failure;
}

function tokenFor(deps: DoorDeps, upstream: DoorUpstream, run: DoorRun): Promise<Granted> {
  const { tokens, profile } = upstream;
  const { token } = profile;
  assert(token !== undefined, `${profile.provider} has a token`);
  return tokens.take(run.run, deps.clock.monotonic(), () => grant(deps, upstream, token, run));
}

/** D6: one call for a token. */
async function grant(
  deps: DoorDeps,
  upstream: DoorUpstream,
  token: TokenProfile,
  run: DoorRun,
): Promise<Granted> {
  const { profile, keys, tokens } = upstream;
  const { path, headers, body } = token.request(keys);
  const call: Call = {
    endpoint: token.endpoint,
    weights: profile.weights[token.endpoint] ?? {},
    priority: run.priority,
    message: { method: 'POST', url: requestUrl(token, { path }), headers: formed(headers), body },
  };
  const came = await place(deps, upstream, run, call, (exchange, at) =>
    judgeToken(deps, upstream, token, at, exchange),
  );
  if (came.kind === 'blocked') return { ok: false, failure: came.failure };
  const { judged, exchange } = came;
  if (judged.kind !== 'ok') {
    return { ok: false, failure: failureOf(deps, upstream, call, exchange, judged.verdict) };
  }
  const { token: granted, lastsMs } = judged.body;
  tokens.keep(granted, lastsMs, deps.clock.monotonic());
  return { ok: true, token: granted };
}

/** A form, unless the profile names another type. */
function formed(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isNamed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return isNamed ? headers : { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
}

/** One request over the wire, and on where it is redirected to, as far as the profile allows. */
async function ask<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  { endpoint, spec }: Asked<S>,
  token?: string,
): Promise<Reply<Static<S>>> {
  const { profile, keys } = upstream;
  const first = withKeys(requestUrl(profile, spec), profile, keys);
  const headers = profile.headers(keys, token);
  const visited: string[] = [];
  for (let url = first; ;) {
    visited.push(url.href);
    const call: Call = {
      endpoint,
      // A copy: a source may use its object again, the limiter looks weights up once.
      weights: spec.units === undefined ? (profile.weights[endpoint] ?? {}) : { ...spec.units },
      priority: run.priority === 'probe' ? 'probe' : (spec.priority ?? 'live'),
      message: { method: 'GET', url, headers },
    };
    const came = await place(deps, upstream, run, call, (exchange, at) =>
      judge(deps, upstream, spec, { call, visited, at }, exchange),
    );
    if (came.kind === 'blocked') return came.failure;
    const { judged, exchange } = came;
    if (judged.kind === 'failed') {
      return failureOf(deps, upstream, call, exchange, judged.verdict);
    }
    if (judged.kind === 'hop') {
      url = judged.to;
      continue;
    }
    const { warning } = judged.verdict;
    if (warning !== undefined) run.warn(redacted(warning, secretsOf(upstream)));
    return { ok: true, body: judged.body, status: statusOf(exchange) };
  }
}
