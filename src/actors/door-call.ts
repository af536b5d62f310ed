/** One call: its permit, its last check before the wire, its way over it, its report (door.ts D1–D4). */
import { messageOf } from '../kernel/errors.js';
import type { EpochMs } from '../kernel/types.js';
import type { Exchange, RequestFailure, Verdict } from '../sources/port.js';
import { statusOf, type Judged } from './door-answer.js';
import type { Call, DoorDeps, DoorRun, DoorUpstream } from './door-parts.js';
import type { Permit } from './limiter/index.js';

/** What came of a call: it never left, or it did and was answered, failed or cut off. */
export type Came<T> =
  | { readonly kind: 'blocked'; readonly failure: RequestFailure }
  | { readonly kind: 'came'; readonly exchange: Exchange; readonly judged: Judged<T> };

/** Reads an exchange. Never throws. */
export type Reading<T> = (exchange: Exchange, at: EpochMs) => Judged<T>;

/** A permit can lapse between its grant and the wire: so often it is asked for again. */
const DEPARTURES_MAX = 3;

/** Makes one call. Never throws. */
export async function place<T>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  run: DoorRun,
  call: Call,
  read: Reading<T>,
): Promise<Came<T>> {
  const failed = (blocked: Blocked): Came<T> => ({
    kind: 'blocked',
    failure: failedBefore(run, call.endpoint, blocked),
  });
  for (let attempt = 1; attempt <= DEPARTURES_MAX; attempt += 1) {
    const leave = await leaveFor(deps, upstream, run, call);
    if ('blocked' in leave) return failed(leave.blocked);
    // D2: nothing awaits between this line and the transport.
    const gone = depart(deps, upstream, run, leave.permit);
    if (gone === 'lapsed') continue;
    if ('blocked' in gone) return failed(gone.blocked);
    const exchange = await send(deps, upstream, run, call);
    run.durationsMs.push(exchange.durationMs);
    const at = deps.clock.now();
    const judged = read(exchange, at);
    report(upstream, { ...gone, endpoint: call.endpoint, at }, exchange, judged);
    return { kind: 'came', exchange, judged };
  }
  return failed(LAPSED);
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
async function leaveFor(
  deps: DoorDeps,
  { breaker, limiter, quarantined }: DoorUpstream,
  run: DoorRun,
  { endpoint, weights, priority }: Call,
): Promise<{ readonly permit: Permit } | { readonly blocked: Blocked }> {
  const broken = quarantined();
  if (broken !== undefined) return { blocked: outOfService(broken) };
  const closed = breaker.peek();
  if (closed !== undefined) return { blocked: breakerClosed(closed) };
  const asked = {
    collector: deps.collector,
    run: run.run,
    endpoint,
    weights,
    priority,
    waitMaxMs: deps.limits.waitMaxMs,
    signal: run.signal,
  };
  const permit = limiter.tryAcquire(asked);
  if (permit !== undefined) return { permit };
  const leave = await limiter.acquire(asked);
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

/** A transport never rejects; if one did, its permit would be lost for good. */
function send(
  deps: DoorDeps,
  { allowLoopback }: DoorUpstream,
  run: DoorRun,
  { message }: Call,
): Promise<Exchange> {
  const { requestTimeoutMs: timeoutMs, bodyBytesMax } = deps.limits;
  const { signal } = run;
  return deps.transport
    .send({ ...message, timeoutMs, bodyBytesMax, allowLoopback, signal })
    .catch((thrown: unknown) => {
      deps.log.error('the transport threw', { error: messageOf(thrown) });
      return { kind: 'failed', cause: 'other', message: 'the transport threw', durationMs: 0 };
    });
}

/** A call that left, and when its answer was there. */
type Sent = Departed & { readonly endpoint: string; readonly at: EpochMs };

/** D4: the limiter first, then the breaker; both gates act on it at once, in memory. */
function report<T>(
  { breaker }: DoorUpstream,
  { permit, generation, endpoint, at }: Sent,
  exchange: Exchange,
  judged: Judged<T>,
): void {
  permit.report({ ...spentOn(judged.verdict), status: statusOf(exchange), at });
  const { outcome } = judged.verdict;
  // A hop is neither success nor failure: what it leads to is.
  if (judged.kind === 'hop') breaker.cancel(generation);
  else breaker.report({ generation, outcome, durationMs: exchange.durationMs, endpoint, at });
}

/** The part of a verdict that is the limiter's. */
function spentOn(verdict: Verdict): Omit<Parameters<Permit['report']>[0], 'status' | 'at'> {
  const { outcome, observations, charged, malformedHeaders, retryAt, bucket, units } = verdict;
  return {
    outcome,
    observations,
    charged,
    malformedHeaders,
    ...(retryAt !== undefined && { retryAt }),
    ...(bucket !== undefined && { bucket }),
    ...(units !== undefined && { units }),
  };
}
