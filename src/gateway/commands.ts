/** The operations that steer collectors: each asks the engine one thing. */
import type { BreakerTarget, RateLimitChange, SteerOptions } from '../actors/engine.js';
import { fail } from '../kernel/types.js';
import {
  breakerStateInput,
  collectInput,
  rateLimitInput,
  resetInput,
  restartInput,
  steerInput,
  unblockInput,
} from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Reach } from './operation.js';
import { invalidInput } from './problems.js';
import type { Problem } from './problems.js';
import { breakerDone, done, rateLimitDone, unblockDone } from './schemas/commands.js';
import { breakerOf } from './shapes/collector.js';
import { blockedOf, rateConfig } from './shapes/limiter.js';
import { steer } from './steer.js';
import type { Command } from './steer.js';

type SteerInput = { readonly reason?: string; readonly ttl_seconds?: number };

function steerOptions({ reason, ttl_seconds }: SteerInput): SteerOptions {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(ttl_seconds === undefined ? {} : { ttlMs: Math.round(ttl_seconds * 1000) }),
  };
}

const enableCollector = operation({
  name: 'enableCollector',
  summary: 'Wants a collector to run; lifts its suspension. Repeating it changes nothing.',
  role: 'operator',
  input: steerInput,
  output: done,
  writes: { facts: ['CollectorEnabled', 'SuspensionLifted'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'EnableCollector' },
  rest: { method: 'POST', path: '/collectors/{name}/enable', query: [] },
  handler: (input, reach, caller) => {
    const { name, reason } = input;
    const options = steerOptions(input);
    const command: Command = {
      name,
      reason,
      message: `Collector ${name} is enabled`,
      ask: (engine, as) => engine.enable(name, options, as),
    };
    return steer(command, reach, caller);
  },
});

const disableCollector = operation({
  name: 'disableCollector',
  summary: 'Wants a collector not to run: what is in flight drains, nothing new leaves.',
  role: 'operator',
  input: steerInput,
  output: done,
  writes: { facts: ['CollectorDisabled'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'DisableCollector' },
  rest: { method: 'POST', path: '/collectors/{name}/disable', query: [] },
  handler: (input, reach, caller) => {
    const { name, reason } = input;
    const options = steerOptions(input);
    const command: Command = {
      name,
      reason,
      message: `Collector ${name} has been disabled`,
      ask: (engine, as) => engine.disable(name, options, as),
    };
    return steer(command, reach, caller);
  },
});

const restartCollector = operation({
  name: 'restartCollector',
  summary: 'Drains, disconnects and connects a collector; what its limiter learned stays.',
  role: 'operator',
  input: restartInput,
  output: done,
  writes: { facts: ['RestartRequested', 'SuspensionLifted'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'RestartCollector' },
  rest: { method: 'POST', path: '/collectors/{name}/restart', query: [] },
  handler: (input, reach, caller) => {
    const { name, reason } = input;
    const command: Command = {
      name,
      reason,
      message: `Collector ${name} has been restarted`,
      ask: (engine, as) => engine.restart(name, reason === undefined ? {} : { reason }, as),
    };
    return steer(command, reach, caller);
  },
});

const collectNow = operation({
  name: 'collectNow',
  summary: 'Begins one run now, at probe priority.',
  role: 'operator',
  input: collectInput,
  output: done,
  writes: { facts: ['RunStarted'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'CollectNow' },
  rest: { method: 'POST', path: '/collectors/{name}/collect', query: [] },
  handler: (input, reach, caller) => {
    const { name, reason } = input;
    const options = steerOptions(input);
    const command: Command = {
      name,
      reason,
      message: `Collection started for ${name}`,
      ask: (engine, as) => engine.collect(name, options, as),
    };
    return steer(command, reach, caller);
  },
});

const unblockQuota = operation({
  name: 'unblockQuota',
  summary: 'Opens the blocked quotas of a collector, after its plan was upgraded; it runs again.',
  role: 'operator',
  input: unblockInput,
  output: unblockDone,
  writes: { facts: ['Unblocked', 'SuspensionLifted'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'UnblockQuota' },
  rest: { method: 'POST', path: '/collectors/{name}/quota/unblock', query: [] },
  handler: ({ name, bucket, reason }, reach, caller) => {
    const command: Command = {
      name,
      reason,
      message: `Quota unblocked for ${name}`,
      ask: (engine, as) => engine.unblockQuota(name, bucket, as),
      told: (subject) => ({ still_blocked: subject ? blockedOf(subject.docs.limiters) : null }),
    };
    return steer(command, reach, caller);
  },
});

const updateRateLimit = operation({
  name: 'updateRateLimit',
  summary: 'Sets this collector’s own rate, back-off multiplier or longest back-off, at once.',
  role: 'operator',
  input: rateLimitInput,
  output: rateLimitDone,
  writes: { facts: ['RateLimitConfigured'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'UpdateRateLimit' },
  rest: { method: 'PUT', path: '/collectors/{name}/rate-limit', query: [] },
  handler: (input, reach, caller) => {
    const { name, reason } = input;
    const { max_requests_per_second: rate, backoff_multiplier, max_backoff } = input;
    const change: RateLimitChange = {
      ...(rate === undefined ? {} : { maxRequestsPerSecond: rate }),
      ...(backoff_multiplier === undefined ? {} : { backoffMultiplier: backoff_multiplier }),
      ...(max_backoff === undefined ? {} : { maxBackoff: max_backoff }),
    };
    if (Object.keys(change).length === 0) {
      const members = 'max_requests_per_second, backoff_multiplier, max_backoff';
      return fail(invalidInput({ pointer: '', detail: `give at least one of ${members}` }));
    }
    const command: Command = {
      name,
      reason,
      message: `Rate limit configuration updated for ${name}`,
      ask: (engine, as) => engine.setRateLimit(name, change, as),
      told: (subject) => ({
        updated_config: subject === undefined ? null : rateConfig(subject.docs.limiters, name),
      }),
    };
    return steer(command, reach, caller);
  },
});

/** An upstream the collector does not have, where its upstreams are known. */
export function wrongUpstream(
  name: string,
  upstream: string | undefined,
  reach: Reach,
): Problem | undefined {
  const known = reach.views.docs(name)?.breakers.map((breaker) => breaker.upstream);
  if (upstream === undefined || known === undefined || known.includes(upstream)) return undefined;
  return invalidInput({ pointer: '/upstream', detail: `must be one of ${known.join(', ')}` });
}

const resetCircuitBreaker = operation({
  name: 'resetCircuitBreaker',
  summary: 'Closes a breaker and clears its counters, statistics, grown back-off and override.',
  role: 'operator',
  input: resetInput,
  output: breakerDone,
  writes: { facts: ['BreakerReset'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'ResetCircuitBreaker' },
  rest: {
    method: 'POST',
    path: '/collectors/{name}/circuit-breaker/reset',
    query: ['upstream'],
  },
  handler: ({ name, upstream, reason }, reach, caller) => {
    const wrong = wrongUpstream(name, upstream, reach);
    if (wrong !== undefined) return fail(wrong);
    const command: Command = {
      name,
      reason,
      message: `Circuit breaker reset for ${name}`,
      ask: (engine, as) => engine.resetBreaker(name, upstream, as),
      told: (subject) => ({ new_state: subject ? breakerOf(subject, upstream) : null }),
    };
    return steer(command, reach, caller);
  },
});

const setCircuitBreakerState = operation({
  name: 'setCircuitBreakerState',
  summary: 'Holds a breaker open, measuring only or disabled; `closed` gives it back to itself.',
  role: 'operator',
  input: breakerStateInput,
  output: breakerDone,
  writes: {
    facts: ['BreakerForced', 'BreakerOverrideCleared', 'BreakerRecovered', 'BreakerProbing'],
    audit: 'every-call',
  },
  grpc: { service: 'CollectorService', method: 'SetCircuitBreakerState' },
  rest: { method: 'PUT', path: '/collectors/{name}/circuit-breaker/state', query: ['upstream'] },
  handler: (input, reach, caller) => {
    const { name, upstream, state, reason } = input;
    const wrong = wrongUpstream(name, upstream, reach);
    if (wrong !== undefined) return fail(wrong);
    const target: BreakerTarget = state === 'half-open' ? 'half_open' : state;
    const command: Command = {
      name,
      reason,
      message: `Circuit breaker forced to ${state} for ${name}`,
      ask: (engine, as) => engine.setBreaker(name, upstream, target, steerOptions(input), as),
      told: (subject) => ({ new_state: subject ? breakerOf(subject, upstream) : null }),
    };
    return steer(command, reach, caller);
  },
});

export const COMMANDS: readonly AnyOperation[] = [
  enableCollector,
  disableCollector,
  restartCollector,
  collectNow,
  unblockQuota,
  updateRateLimit,
  resetCircuitBreaker,
  setCircuitBreakerState,
];
