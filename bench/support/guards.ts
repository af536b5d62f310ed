/** The ways to guard a call that are compared: nothing, cockatiel, opossum, and ours as the door uses it. */
import {
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  SamplingBreaker,
  type IBreaker,
} from 'cockatiel';
import Opossum from 'opossum';
import {
  breakerGate,
  breakerKind,
  defaultPolicy,
  type BreakerGate,
  type BreakerHandle,
} from '../../src/actors/breaker/index.js';
import type { Host } from '../../src/actors/index.js';
import {
  limiterGate,
  limiterKind,
  type AcquireRequest,
  type Configure,
  type LimiterGate,
  type Permit,
} from '../../src/actors/limiter/index.js';
import { assert } from '../../src/kernel/errors.js';
import { clock, log, random } from './world.js';

/** The guarded work: an answer that is there at once, so that only the guard is measured. */
export const work = (): Promise<number> => Promise.resolve(200);

/** One guarded call, admitted, that succeeds. */
export type Guard = () => Promise<number>;

export const bareAwait: Guard = async () => await work();

const OPEN_FOR_MS = 10_000;
const WINDOW_MS = 60_000;
const TIMEOUT_MS = 10_000;

function cockatiel(breaker: IBreaker): Guard {
  const policy = circuitBreaker(handleAll, { halfOpenAfter: OPEN_FOR_MS, breaker });
  return () => policy.execute(work);
}

export function cockatielConsecutive(): Guard {
  return cockatiel(new ConsecutiveBreaker(5));
}

export function cockatielSampling(): Guard {
  return cockatiel(new SamplingBreaker({ threshold: 0.5, duration: WINDOW_MS }));
}

/** `end` stops the timers opossum turns its window with. */
export function opossum(timeoutMs: number | false): {
  readonly guard: Guard;
  readonly end: () => void;
} {
  const breaker = new Opossum(work, { timeout: timeoutMs, rollingCountTimeout: WINDOW_MS });
  return { guard: () => breaker.fire(), end: () => breaker.shutdown() };
}

export const withTimeoutMs = TIMEOUT_MS;

/** As the door does it, without its limiter: admitted, sent, reported (door.ts). */
export function byBreaker(breaker: BreakerGate): Guard {
  return async () => {
    const admitted = breaker.admit();
    assert(admitted.ok, 'the breaker is closed');
    const status = await work();
    const { generation } = admitted;
    const at = clock.now();
    // The exchange knows how long it took: undici's adapter measures it for its own metrics.
    breaker.report({ generation, outcome: 'ok', durationMs: 12, endpoint: ENDPOINT, at });
    return status;
  };
}

/**
 * As the door does it, whole: peek, permit of a durable block, admission, spend, both reports.
 * Several scopes take turns, because one scope is never configured for more than 1 000 000 calls/s.
 */
export function byBoth(breaker: BreakerGate, limiters: readonly LimiterGate[]): Guard {
  const next = inTurn(limiters);
  return async () => {
    for (;;) {
      assert(breaker.peek() === undefined, 'the breaker is closed');
      const limiter = next();
      const asked = request();
      const permit = limiter.tryAcquire(asked) ?? (await waited(limiter, asked));
      const admitted = breaker.admit();
      assert(admitted.ok, 'the breaker admits it');
      const { generation } = admitted;
      if (!permit.spend()) {
        // Its block ended in between: the door asks again, too.
        breaker.cancel(generation);
        continue;
      }
      const status = await work();
      const at = clock.now();
      const outcome = 'ok';
      permit.report({ outcome, status, observations: [], charged: true, malformedHeaders: 0, at });
      breaker.report({ generation, outcome, durationMs: 12, endpoint: ENDPOINT, at });
      return status;
    }
  };
}

/** As the door waits, when it must: for the rate, or for a block to become durable. */
async function waited(limiter: LimiterGate, asked: AcquireRequest): Promise<Permit> {
  const leave = await limiter.acquire(asked);
  assert(leave.ok, 'the limiter admits it');
  return leave.permit;
}

/** A permit alone: asked for, spent, reported. */
export function byLimiter(limiters: readonly LimiterGate[]): Guard {
  const next = inTurn(limiters);
  return async () => {
    for (;;) {
      const limiter = next();
      const asked = request();
      const permit = limiter.tryAcquire(asked) ?? (await waited(limiter, asked));
      if (!permit.spend()) continue;
      const status = await work();
      const at = clock.now();
      const outcome = 'ok';
      permit.report({ outcome, status, observations: [], charged: true, malformedHeaders: 0, at });
      return status;
    }
  };
}

function inTurn(limiters: readonly LimiterGate[]): () => LimiterGate {
  let turn = 0;
  return () => {
    turn = (turn + 1) % limiters.length;
    const limiter = limiters[turn];
    assert(limiter !== undefined, 'there is a limiter');
    return limiter;
  };
}

const COLLECTOR = 'bench';
const ENDPOINT = 'transfers';
/** A rolling bucket and a month's quota, as Moralis has them. */
const WEIGHTS = { requests: 1, units: 50 };
const { signal } = new AbortController();

function request(): AcquireRequest {
  return {
    collector: COLLECTOR,
    run: 'run-1',
    endpoint: ENDPOINT,
    weights: WEIGHTS,
    priority: 'live',
    waitMaxMs: 10_000,
    signal,
  };
}

/** Limits no caller here can reach, so that every call is admitted; keeping them is the same work. */
const UNREACHABLE = 1e12;
/** The most a scope is ever configured for, per second. */
const RATE_MAX = 1e6;
const SCOPES = 4;

function limits(scope: string, maxRequestsPerSecond: number): Configure {
  const bucket = { burst: 1e9, period: '', zone: '', anchorDay: 0, priceMicros: 0, quota: false };
  const rolling = { name: 'requests', kind: 'rolling', limit: UNREACHABLE, unit: 'request' };
  const quota = { name: 'units', kind: 'fixed', limit: UNREACHABLE, unit: 'CU', period: 'month' };
  return {
    type: 'Configure',
    scope,
    collectors: [COLLECTOR],
    buckets: [
      { ...bucket, ...rolling, windowMs: 1000 },
      { ...bucket, ...quota, windowMs: 0, zone: 'UTC', anchorDay: 1, quota: true, priceMicros: 10 },
    ],
    maxRequestsPerSecond,
    backoffMultiplier: 2,
    maxBackoff: 10,
    recoveryWindowMs: 60_000,
    floorRate: 1,
    margin: 0.05,
    tier: 'Pro',
    currency: 'USD',
  };
}

export type OurGates = {
  readonly breaker: BreakerGate;
  readonly limiters: readonly LimiterGate[];
  readonly breakerHandle: BreakerHandle;
  /** Everything reported is recorded, or given up. */
  readonly flush: () => Promise<void>;
  readonly close: () => void;
};

/** The gates over real actors of this host. `rate`: calls per second that each limiter admits. */
export async function ourGates(host: Host, rate = RATE_MAX): Promise<OurGates> {
  const breakerHandle = await host.actor(breakerKind, `breaker-${COLLECTOR}`);
  const policy = defaultPolicy({ pollIntervalMs: 1000, requestTimeoutMs: 10_000, maxWaitMs: 1000 });
  const told = { collector: COLLECTOR, upstream: 'primary', policy, pollIntervalMs: 1000 };
  const answer = await breakerHandle.ask({ type: 'Configure', ...told }, host.system('bench'));
  assert(answer.ok, 'the breaker has a policy');
  const context = (cause: string) => host.system(cause);
  const breaker = breakerGate({ clock, context, log, handle: breakerHandle });
  const scopes = Array.from({ length: SCOPES }, (_, index) => `${COLLECTOR}-${String(index)}`);
  const limiters = await Promise.all(scopes.map((scope) => ourLimiter(host, scope, rate)));
  return {
    breaker,
    limiters,
    breakerHandle,
    async flush() {
      await breaker.flush();
      await Promise.all(limiters.map((limiter) => limiter.flush()));
    },
    close() {
      breaker.close();
      for (const limiter of limiters) limiter.close();
    },
  };
}

async function ourLimiter(host: Host, scope: string, rate: number): Promise<LimiterGate> {
  const handle = await host.actor(limiterKind, `limiter-${scope}`);
  const answer = await handle.ask(limits(scope, rate), host.system('bench'));
  assert(answer.ok, 'the limiter has limits');
  const bounds = { queueMax: 10_000, waitMaxMs: 10_000 };
  const context = (cause: string) => host.system(cause);
  return limiterGate({ clock, context, log, random, handle, scope, limits: bounds });
}

/** A breaker's gate whose records are taken at once by nobody: what the caller itself pays. */
export function unrecorded(handle: BreakerHandle, host: Host): BreakerGate {
  const deaf: BreakerHandle = {
    ...handle,
    watch: () => () => undefined,
    ask: () => {
      const state = handle.state();
      const revision = handle.revision();
      return Promise.resolve({ ok: true, facts: [], state, revision, position: 0 });
    },
  };
  const id = host.system('nobody');
  return breakerGate({ handle: deaf, clock, context: () => id, log });
}

/** What one would write by hand: so many token buckets, full, refilled by the clock. */
export function handWrittenBuckets(count: number): () => boolean {
  const capacity = 1e9;
  const perMs = 1e6;
  const buckets = Array.from({ length: count }, () => ({
    tokens: capacity,
    at: clock.monotonic(),
  }));
  return () => {
    for (const bucket of buckets) {
      const now = clock.monotonic();
      bucket.tokens = Math.min(capacity, bucket.tokens + (now - bucket.at) * perMs);
      bucket.at = now;
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
    }
    return true;
  };
}
