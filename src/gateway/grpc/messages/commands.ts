/** Messages of the commands on collectors. */
import * as gen from '../../../gen/headgate/v1/collector_service.js';
import { command, masked, present, seconds, some, text } from './asked.js';
import type { Guarded } from './asked.js';
import { unary } from './entry.js';
import type { UnaryMessages } from './port.js';
import { each, listed, shape } from './shape.js';
import { BREAKER } from './shapes.js';
import { BATCH_ACTION, BREAKER_STATE, COLLECTOR_STATE, COLLECTOR_TYPE, HEALTH } from './words.js';

const RATE_LIMIT = ['max_requests_per_second', 'backoff_multiplier', 'max_backoff'] as const;

/** Of `BreakerConfig`, by its names. */
export const BREAKER_CONFIG = [
  'failure_threshold',
  'minimum_calls',
  'failure_rate',
  'slow_rate',
  'slow_call_ms',
  'window_ms',
  'open_ms',
  'open_multiplier',
  'open_max_ms',
  'open_jitter',
  'half_open_permits',
  'success_threshold',
  'half_open_deadline_ms',
] as const;

const newState = shape({ new_state: BREAKER });

type Named = Guarded & { readonly name: string };
const named = (request: Named) => command(request, { name: request.name });
type Timed = Named & Pick<gen.EnableCollectorRequest, 'ttl'>;
const timed = (request: Timed) =>
  command(request, { name: request.name, ttl_seconds: seconds(request.ttl) });

function selectorOf(selector: gen.CollectorSelector | undefined): object | undefined {
  if (selector === undefined) return undefined;
  return present({
    state: COLLECTOR_STATE.word(selector.state),
    type: COLLECTOR_TYPE.word(selector.type),
    status: HEALTH.word(selector.status),
    q: text(selector.q),
  });
}

/** By rpc. */
export const COMMAND_MESSAGES: Readonly<Record<string, UnaryMessages>> = {
  EnableCollector: unary(timed, gen.EnableCollectorResponse),
  DisableCollector: unary(timed, gen.DisableCollectorResponse),
  RestartCollector: unary(named, gen.RestartCollectorResponse),
  CollectNow: unary(named, gen.CollectNowResponse),
  UnquarantineCollector: unary(named, gen.UnquarantineCollectorResponse),
  UnblockQuota: unary(
    (request: gen.UnblockQuotaRequest) =>
      command(request, { name: request.name, bucket: text(request.bucket) }),
    gen.UnblockQuotaResponse,
  ),
  UpdateRateLimit: unary((request: gen.UpdateRateLimitRequest) => {
    const { name, update_mask: mask, max_requests_per_second, backoff_multiplier } = request;
    const values = {
      max_requests_per_second,
      backoff_multiplier,
      max_backoff: request.max_backoff,
    };
    const { members, errors } = masked(mask, RATE_LIMIT, values);
    return command(request, { name, ...members }, errors);
  }, gen.UpdateRateLimitResponse),
  ResetCircuitBreaker: unary(
    (request: gen.ResetCircuitBreakerRequest) =>
      command(request, { name: request.name, upstream: text(request.upstream) }),
    gen.ResetCircuitBreakerResponse,
    newState,
  ),
  SetCircuitBreakerState: unary(
    (request: gen.SetCircuitBreakerStateRequest) =>
      command(request, {
        name: request.name,
        upstream: text(request.upstream),
        state: BREAKER_STATE.word(request.state),
        ttl_seconds: seconds(request.ttl),
      }),
    gen.SetCircuitBreakerStateResponse,
    newState,
  ),
  UpdateCircuitBreaker: unary((request: gen.UpdateCircuitBreakerRequest) => {
    const { name, upstream, config, update_mask: mask } = request;
    const { members, errors } = masked(mask, BREAKER_CONFIG, { ...config }, null);
    return command(request, { name, upstream: text(upstream), ...members }, errors);
  }, gen.UpdateCircuitBreakerResponse),
  UpdateCursor: unary(
    (request: gen.UpdateCursorRequest) =>
      command(request, {
        name: request.name,
        series: text(request.series),
        cursor: request.cursor,
      }),
    gen.UpdateCursorResponse,
    shape({ cursors: listed('series') }),
  ),
  BatchCollectors: unary(
    (request: gen.BatchCollectorsRequest) =>
      command(request, {
        names: some(request.names),
        selector: selectorOf(request.selector),
        action: BATCH_ACTION.word(request.action),
        ttl_seconds: seconds(request.ttl),
      }),
    gen.BatchCollectorsResponse,
    shape({ results: each((value) => value) }),
  ),
};
