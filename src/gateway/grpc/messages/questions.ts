/** Messages of the questions about collectors, records and the service, and of the watch. */
import * as admin from '../../../gen/headgate/v1/admin_service.js';
import * as gen from '../../../gen/headgate/v1/collector_service.js';
import * as records from '../../../gen/headgate/v1/record_service.js';
import { command, positive, question, seconds, some, text, whole } from './asked.js';
import { stream, unary } from './entry.js';
import type { StreamMessages, UnaryMessages } from './port.js';
import { each, listed, shape } from './shape.js';
import { COLLECTOR, SUMMARY } from './shapes.js';
import { COLLECTOR_STATE, COLLECTOR_TYPE, HEALTH, ROLE, WATCH_KIND } from './words.js';

/** By rpc. */
export const QUESTION_MESSAGES: Readonly<Record<string, UnaryMessages>> = {
  ListCollectors: unary(
    (request: gen.ListCollectorsRequest) =>
      question({
        state: COLLECTOR_STATE.word(request.state),
        type: COLLECTOR_TYPE.word(request.type),
        status: HEALTH.word(request.status),
        q: text(request.q),
        page_size: positive(request.page_size),
        page_token: text(request.page_token),
      }),
    gen.ListCollectorsResponse,
    shape({ collectors: listed('name', SUMMARY) }),
  ),
  ListCollectorTypes: unary(
    () => question({}),
    gen.ListCollectorTypesResponse,
    shape({ collector_types: each(shape({ type: COLLECTOR_TYPE.name })) }),
  ),
  GetCollector: unary(
    ({ name, at, min_revision }: gen.GetCollectorRequest) =>
      question({ name, min_revision: text(min_revision) }, { at }),
    gen.GetCollectorResponse,
    shape({ collector: COLLECTOR }),
  ),
  GetCircuitBreakerConfig: unary(
    ({ name, upstream }: gen.GetCircuitBreakerConfigRequest) =>
      question({ name, upstream: text(upstream) }),
    gen.GetCircuitBreakerConfigResponse,
  ),
  GetCursor: unary(
    ({ name }: gen.GetCursorRequest) => question({ name }),
    gen.GetCursorResponse,
    shape({ cursors: listed('series') }),
  ),
  GetCosts: unary(() => question({}), gen.GetCostsResponse, shape({ collectors: listed('name') })),
  ListRecords: unary(
    ({ name, since, after, limit }: records.ListRecordsRequest) =>
      question({ name, after: whole(after), limit: positive(limit) }, { since }),
    records.ListRecordsResponse,
  ),
  GetService: unary(() => question({}), admin.GetServiceResponse),
  CreateToken: unary(
    (request: admin.CreateTokenRequest) =>
      command(request, {
        name: request.name,
        role: ROLE.word(request.role),
        ttl_seconds: seconds(request.ttl),
      }),
    admin.CreateTokenResponse,
    shape({ token: shape({ role: ROLE.name }) }),
  ),
  ListTokens: unary(
    () => question({}),
    admin.ListTokensResponse,
    shape({ tokens: each(shape({ role: ROLE.name })) }),
  ),
  RevokeToken: unary(
    (request: admin.RevokeTokenRequest) => command(request, { id: request.id }),
    admin.RevokeTokenResponse,
  ),
};

/** By rpc. */
export const WATCH_MESSAGES: Readonly<Record<string, StreamMessages>> = {
  WatchCollectors: stream(
    ({ after_position, names, type }: gen.WatchCollectorsRequest) =>
      question({
        after_position: whole(after_position),
        names: some(names),
        type: COLLECTOR_TYPE.word(type),
      }),
    gen.WatchCollectorsResponse,
    shape({ kind: WATCH_KIND.name, collector: SUMMARY }),
  ),
  SubscribeRecords: stream(
    ({ name, after, follow }: records.SubscribeRecordsRequest) =>
      question({ name, after: whole(after), follow: follow || undefined }),
    records.SubscribeRecordsResponse,
    (record) => ({ record }),
  ),
};
