/**
 * The door: the only way from a source to its upstream (architecture §3).
 *
 * D1 Peek at the breaker; wait for the limiter; take a unit of a durable reservation; only then decide.
 * D2 The last step before the wire is synchronous: desired state, suspension, drain, breaker admission
 *    with its generation, the block's expiry. What is refused there gives permit and unit back.
 * D3 What was sent is spent: only a request that never reached the wire returns its unit.
 * D4 Reports go in this order: memory gates and limiter, breaker. Then the source gets its answer.
 * D5 Nothing sleeps here longer than the call's `waitMaxMs`; a longer wait is a failure that says until when.
 */
import type { Static, TSchema } from '@sinclair/typebox';
import { wait } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { requestUrl } from '../sources/exchange.port.js';
import type { Exchange, Reply, RequestFailure, Verdict } from '../sources/port.js';
import { failureOf, judge, statusOf } from './door-answer.js';
import type { DoorDeps, DoorRun, DoorUpstream, Request } from './door-parts.js';
import type { Permit } from './limiter/index.js';
import { retryPauseMs } from './retry.js';

/** Sends one request of a source, with its retries, and judges the answer. Never throws. */
export async function request<S extends TSchema>(
  deps: DoorDeps,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<Static<S>>> {
  const upstream = upstreamOf(deps, spec.upstream);
  let answer: RequestFailure | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const reply = await once(deps, upstream, run, endpoint, spec);
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
function upstreamOf(deps: DoorDeps, name: string | undefined): DoorUpstream {
  const first = deps.upstreams.values().next();
  const found = name === undefined ? first.value : deps.upstreams.get(name);
  if (found === undefined) throw new Error(`${deps.collector} has no upstream ${String(name)}`);
  return found;
}

/** A server failure is tried again within the budget; a throttle, when its pause is short enough. */
function mayRetry(deps: DoorDeps, failure: RequestFailure): boolean {
  if (failure.outcome === 'server') return deps.budget.take(failure.status === 0);
  if (failure.outcome !== 'throttled') return false;
  const pause = (failure.until ?? deps.clock.now()) - deps.clock.now();
  return pause <= deps.limits.waitMaxMs && deps.budget.take(false);
}

/** A permit can lapse between its grant and the wire: so often it is asked for again. */
const DEPARTURES_MAX = 3;

async function once<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<Static<S>>> {
  for (let attempt = 1; attempt <= DEPARTURES_MAX; attempt += 1) {
    const leave = await leaveFor(deps, upstream, run, endpoint, spec);
    if ('blocked' in leave) return failedBefore(run, endpoint, leave.blocked);
    // D2: nothing awaits between this line and the transport.
    const gone = depart(deps, upstream, run, leave.permit);
    if (gone === 'lapsed') continue;
    if ('blocked' in gone) return failedBefore(run, endpoint, gone.blocked);
    const exchange = await send(deps, upstream, run, spec);
    run.durationsMs.push(exchange.durationMs);
    const call = { ...gone, endpoint, at: deps.clock.now() };
    return answered(deps, upstream, spec, call, exchange);
  }
  return failedBefore(run, endpoint, LAPSED);
}

type Departed = { readonly permit: Permit; readonly generation: number };

const LAPSED: Blocked = {
  cause: 'rate_limit',
  message: 'the limiter closed before the call could leave',
};

/** Why a call never left. */
type Blocked = {
  readonly cause: NonNullable<RequestFailure['cause']>;
  readonly message: string;
  readonly until?: EpochMs;
};

function failedBefore(run: DoorRun, endpoint: string, blocked: Blocked): RequestFailure {
  const ours = blocked.cause === 'desired' || blocked.cause === 'draining' || run.signal.aborted;
  const outcome = ours ? 'cancelled' : 'blocked';
  return { ok: false, outcome, endpoint, status: 0, ...blocked };
}

/** D1: the breaker is closed as far as one can see, and the limiter gave a permit. */
async function leaveFor<S extends TSchema>(
  deps: DoorDeps,
  { breaker, limiter, profile, quarantined, missingKeys }: DoorUpstream,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<{ readonly permit: Permit } | { readonly blocked: Blocked }> {
  if (missingKeys.length > 0) {
    return { blocked: { cause: 'key', message: `set ${missingKeys.join(' and ')}` } };
  }
  const broken = quarantined();
  if (broken !== undefined) return { blocked: outOfService(broken) };
  const closed = breaker.peek();
  if (closed !== undefined) return { blocked: breakerClosed(closed) };
  const leave = await limiter.acquire({
    collector: deps.collector,
    run: run.run,
    endpoint,
    weights: spec.units ?? profile.weights[endpoint] ?? {},
    priority: run.priority === 'probe' ? 'probe' : (spec.priority ?? 'live'),
    waitMaxMs: deps.limits.waitMaxMs,
    signal: run.signal,
  });
  if (leave.ok) return leave;
  const cause = leave.cause === 'quota' || leave.cause === 'ban' ? leave.cause : 'rate_limit';
  const { until, detail: message } = leave;
  return { blocked: { cause, message, ...(until !== undefined && { until }) } };
}

/** D2: synchronous. Refused here, permit and unit go back. */
function depart(
  deps: DoorDeps,
  { breaker, quarantined }: DoorUpstream,
  run: DoorRun,
  permit: Permit,
): Departed | { readonly blocked: Blocked } | 'lapsed' {
  const back = (blocked: Blocked): { readonly blocked: Blocked } => {
    permit.release();
    return { blocked };
  };
  const broken = quarantined();
  if (broken !== undefined) return back(outOfService(broken));
  const forbidden = run.signal.aborted ? 'draining' : deps.forbidden(run.run);
  if (forbidden !== undefined) {
    const what = forbidden === 'desired' ? 'disabled or suspended' : 'draining';
    return back({ cause: forbidden, message: `the collector is ${what}` });
  }
  const admitted = breaker.admit();
  if (!admitted.ok) return back(breakerClosed(admitted));
  if (permit.spend()) return { permit, generation: admitted.generation };
  breaker.cancel(admitted.generation);
  return 'lapsed';
}

function outOfService(reason: string): Blocked {
  return { cause: 'desired', message: `quarantined: ${reason}` };
}

function breakerClosed({
  reason,
  retryAt,
}: {
  readonly reason: string;
  readonly retryAt?: EpochMs;
}): Blocked {
  const message = `the breaker is ${reason}`;
  return { cause: 'breaker', message, ...(retryAt !== undefined && { until: retryAt }) };
}

/** A call that left. */
type Sent = {
  readonly permit: Permit;
  readonly generation: number;
  readonly endpoint: string;
  /** When its answer was there. */
  readonly at: EpochMs;
};

/** Judged, reported, and turned into what the source gets. */
function answered<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  spec: Request<S>,
  call: Sent,
  exchange: Exchange,
): Reply<Static<S>> {
  const { verdict, body } = judge(upstream.profile, exchange, spec, call);
  report(upstream, call, exchange, verdict);
  if (verdict.outcome === 'ok') return { ok: true, body, status: statusOf(exchange) };
  return failureOf(deps, upstream, call.endpoint, exchange, verdict);
}

/** D4: the limiter first, then the breaker; both gates act on it at once, in memory. */
function report(
  { breaker }: DoorUpstream,
  { permit, generation, endpoint, at }: Sent,
  exchange: Exchange,
  verdict: Verdict,
): void {
  const { outcome, observations, charged, malformedHeaders, retryAt, bucket, units } = verdict;
  permit.report({
    outcome,
    status: statusOf(exchange),
    observations,
    charged,
    malformedHeaders,
    at,
    ...(retryAt !== undefined && { retryAt }),
    ...(bucket !== undefined && { bucket }),
    ...(units !== undefined && { units }),
  });
  breaker.report({ generation, outcome, durationMs: exchange.durationMs, endpoint, at });
}

function send<S extends TSchema>(
  deps: DoorDeps,
  { profile, keys, allowLoopback }: DoorUpstream,
  run: DoorRun,
  spec: Request<S>,
): Promise<Exchange> {
  return deps.transport.send({
    method: 'GET',
    url: requestUrl(profile, spec),
    headers: profile.headers(keys),
    timeoutMs: deps.limits.requestTimeoutMs,
    bodyBytesMax: deps.limits.bodyBytesMax,
    allowLoopback,
    signal: run.signal,
  });
}
