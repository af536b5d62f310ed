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
import type { TSchema } from '@sinclair/typebox';
import { sha256Hex } from '../kernel/canonical.js';
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import { wait, type Clock } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import type { EvidenceStore } from '../records/port.js';
import { fitsSchema, jsonBody, requestUrl } from '../sources/exchange.port.js';
import type {
  Exchange,
  ProviderProfile,
  Reply,
  RequestFailure,
  RequestSpec,
  SourceContext,
  Transport,
  Verdict,
} from '../sources/port.js';
import type { BreakerGate } from './breaker/index.js';
import type { LimiterGate } from './limiter/index.js';
import { retryPauseMs, type RetryBudget, type RetryLimits } from './retry.js';

/** One upstream of a collector, with what guards it. */
export type DoorUpstream = {
  readonly profile: ProviderProfile;
  readonly breaker: BreakerGate;
  readonly limiter: LimiterGate;
  /** The secret, or undefined where none is needed. */
  readonly key: string | undefined;
  readonly allowLoopback: boolean;
  /** Why its breaker or limiter is out of service: then nothing leaves. */
  readonly quarantined: () => string | undefined;
};

export type DoorDeps = {
  readonly collector: string;
  /** The first is the primary. */
  readonly upstreams: ReadonlyMap<string, DoorUpstream>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly evidence: EvidenceStore;
  readonly budget: RetryBudget;
  readonly limits: DoorLimits;
  /** D2: why nothing may leave now, by intent or suspension; undefined: it may. Synchronous. */
  readonly forbidden: (run: string) => 'desired' | 'draining' | undefined;
};

export type DoorLimits = {
  readonly requestTimeoutMs: DurationMs;
  readonly bodyBytesMax: number;
  /** The longest wait for a permit. */
  readonly waitMaxMs: DurationMs;
  readonly retry: RetryLimits;
};

/** What one run sends through the door, and what became of it. */
export type DoorRun = {
  readonly run: string;
  /** probe | live | backfill: what a request is unless it says otherwise. */
  readonly priority: 'probe' | 'live';
  readonly signal: AbortSignal;
  /** Durations of the calls sent, for the run's p95. */
  readonly durationsMs: number[];
};

type Request<S extends TSchema> = Parameters<SourceContext<unknown>['request']>[1] &
  RequestSpec & {
    readonly schema: S;
  };

/** Keeps the first bytes of a body nobody could read. */
const EVIDENCE_BYTES = 4096;

/** Sends one request of a source, with its retries, and judges the answer. Never throws. */
export async function request<S extends TSchema>(
  deps: DoorDeps,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<unknown>> {
  const upstream = upstreamOf(deps, spec.upstream);
  for (let attempt = 1; ; attempt += 1) {
    const reply = await once(deps, upstream, run, endpoint, spec);
    if (reply.ok) {
      if (attempt === 1) deps.budget.succeeded();
      return reply;
    }
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

async function once<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  endpoint: string,
  spec: Request<S>,
): Promise<Reply<unknown>> {
  const { breaker, limiter, profile } = upstream;
  const blocked = (
    cause: NonNullable<RequestFailure['cause']>,
    message: string,
    until?: EpochMs,
  ): RequestFailure => ({
    ok: false,
    outcome: run.signal.aborted ? 'cancelled' : 'blocked',
    message,
    endpoint,
    status: 0,
    cause,
    ...(until !== undefined && { until }),
  });

  const broken = upstream.quarantined();
  if (broken !== undefined) return blocked('desired', `quarantined: ${broken}`);
  const closed = breaker.peek();
  if (closed !== undefined)
    return blocked('breaker', `the breaker is ${closed.reason}`, closed.retryAt);
  const leave = await limiter.acquire({
    collector: deps.collector,
    run: run.run,
    endpoint,
    weights: profile.weights[endpoint] ?? {},
    priority: run.priority === 'probe' ? 'probe' : (spec.priority ?? 'live'),
    waitMaxMs: deps.limits.waitMaxMs,
    signal: run.signal,
  });
  if (!leave.ok) {
    const cause = leave.cause === 'quota' || leave.cause === 'ban' ? leave.cause : 'rate_limit';
    return blocked(cause, leave.detail, leave.until);
  }
  const { permit } = leave;

  // D2: nothing below awaits until the request is handed to the transport.
  const forbidden = upstream.quarantined() === undefined ? deps.forbidden(run.run) : 'desired';
  if (forbidden !== undefined || run.signal.aborted) {
    permit.release();
    return blocked(forbidden ?? 'draining', `the collector is ${forbidden ?? 'draining'}`);
  }
  const admitted = breaker.admit();
  if (!admitted.ok) {
    permit.release();
    return blocked('breaker', `the breaker is ${admitted.reason}`, admitted.retryAt);
  }
  if (!permit.spend()) {
    breaker.cancel(admitted.generation);
    return blocked('rate_limit', 'the reservation ended before the call could leave');
  }
  const exchange = await send(deps, upstream, run, spec);
  const at = deps.clock.now();
  run.durationsMs.push(exchange.durationMs);
  const judged = judge(profile, exchange, spec, at);
  const { verdict } = judged;
  permit.report({
    outcome: verdict.outcome,
    status: statusOf(exchange),
    observations: verdict.observations,
    charged: verdict.charged,
    malformedHeaders: verdict.malformedHeaders,
    at,
    ...(verdict.retryAt !== undefined && { retryAt: verdict.retryAt }),
    ...(verdict.bucket !== undefined && { bucket: verdict.bucket }),
  });
  const { durationMs } = exchange;
  breaker.report({
    generation: admitted.generation,
    outcome: verdict.outcome,
    durationMs,
    endpoint,
    at,
  });
  if (verdict.outcome === 'ok') return { ok: true, body: judged.body, status: statusOf(exchange) };
  return failureOf(deps, endpoint, exchange, verdict);
}

function send<S extends TSchema>(
  deps: DoorDeps,
  { profile, key, allowLoopback }: DoorUpstream,
  run: DoorRun,
  spec: Request<S>,
): Promise<Exchange> {
  return deps.transport.send({
    method: 'GET',
    url: requestUrl(profile, spec),
    headers: profile.headers(key),
    timeoutMs: deps.limits.requestTimeoutMs,
    bodyBytesMax: deps.limits.bodyBytesMax,
    allowLoopback,
    signal: run.signal,
  });
}

/** The profile's verdict, and the source's own word on the body: a 2xx that does not fit is bad data. */
function judge<S extends TSchema>(
  profile: ProviderProfile,
  exchange: Exchange,
  spec: Request<S>,
  at: EpochMs,
): { readonly verdict: Verdict; readonly body: unknown } {
  const json = jsonBody(exchange);
  const verdict = profile.judge(exchange, json, at);
  if (verdict.outcome !== 'ok') return { verdict, body: undefined };
  const fit = fitsSchema(spec.schema, json);
  const complaint = fit.ok ? spec.check?.(fit.body) : fit.message;
  if (complaint === undefined) return { verdict, body: json };
  return { verdict: { ...verdict, outcome: 'bad_data', message: complaint }, body: undefined };
}

function statusOf(exchange: Exchange): number {
  return exchange.kind === 'answered' ? exchange.status : (exchange.status ?? 0);
}

function failureOf(
  deps: DoorDeps,
  endpoint: string,
  exchange: Exchange,
  verdict: Verdict,
): RequestFailure {
  const outcome = verdict.outcome === 'ok' ? 'bad_data' : verdict.outcome;
  return {
    ok: false,
    outcome,
    message: verdict.message,
    endpoint,
    status: statusOf(exchange),
    ...(verdict.retryAt !== undefined && { until: verdict.retryAt }),
    ...(outcome === 'bad_data' && { evidence: evidenceOf(deps, endpoint, exchange) }),
  };
}

/** A fingerprint for the event; the first bytes go to the evidence table, never to the journal. */
function evidenceOf(
  deps: DoorDeps,
  endpoint: string,
  exchange: Exchange,
): { readonly sha256: string; readonly bytes: number } {
  const body = exchange.kind === 'answered' ? exchange.body : (exchange.head ?? Buffer.alloc(0));
  const bytes =
    exchange.kind === 'answered' ? body.byteLength : (exchange.bytes ?? body.byteLength);
  const sha256 = sha256Hex(body);
  const head = body.subarray(0, EVIDENCE_BYTES).toString('utf8');
  const { collector, clock, log } = deps;
  deps.evidence
    .keep({ sha256, collector, endpoint, bytes, head, at: clock.now() })
    .catch((cause: unknown) => {
      log.warn('evidence not kept', { collector, endpoint, error: String(cause) });
    });
  return { sha256, bytes };
}
