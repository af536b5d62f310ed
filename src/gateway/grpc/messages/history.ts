/** Messages of the questions about the past. */
import * as gen from '../../../gen/headgate/v1/history_service.js';
import { moment, momentErrors, positive, present, question, some, text, whole } from './asked.js';
import { stream, unary } from './entry.js';
import type { StreamMessages, UnaryMessages } from './port.js';
import { each, shape } from './shape.js';
import { BREAKER, CHECK, COLLECTOR, EVENT, TRANSITION } from './shapes.js';
import { AUDIT_OUTCOME, BREAKER_STATE, INTERFACE } from './words.js';

type EventQuestion = Pick<
  gen.ReadEventsRequest,
  'after_position' | 'collector' | 'categories' | 'types' | 'interface'
>;

const eventFilters = (request: EventQuestion) => ({
  after_position: whole(request.after_position),
  collector: text(request.collector),
  categories: some(request.categories),
  types: some(request.types),
  interface: INTERFACE.word(request.interface),
});

const simulated = shape({ transitions: each(TRANSITION) });

/** By rpc. */
export const HISTORY_MESSAGES: Readonly<Record<string, UnaryMessages>> = {
  ListHealth: unary(
    ({ name, hours, limit }: gen.ListHealthRequest) =>
      question({ name, hours, limit: positive(limit) }),
    gen.ListHealthResponse,
    shape({ recent_records: each(CHECK) }),
  ),
  ListAudit: unary(
    (request: gen.ListAuditRequest) =>
      question(
        {
          actor: request.actor,
          collector: text(request.collector),
          operation: text(request.operation),
          outcome: AUDIT_OUTCOME.word(request.outcome),
          page_size: positive(request.page_size),
          page_token: text(request.page_token),
        },
        { from: request.from, to: request.to },
      ),
    gen.ListAuditResponse,
    shape({ entries: each(shape({ interface: INTERFACE.name, outcome: AUDIT_OUTCOME.name })) }),
  ),
  ListEvents: unary(
    (request: gen.ListEventsRequest) =>
      question({
        ...eventFilters(request),
        before_position: whole(request.before_position),
        last: positive(request.last),
        limit: positive(request.limit),
      }),
    gen.ListEventsResponse,
    shape({ events: each(EVENT) }),
  ),
  GetStateAt: unary(
    ({ name, at, position }: gen.GetStateAtRequest) =>
      question({ name, position: whole(position) }, { at }),
    gen.GetStateAtResponse,
    shape({ collector: COLLECTOR }),
  ),
  ListBreakerHistory: unary(
    (request: gen.ListBreakerHistoryRequest) =>
      question(
        {
          name: request.name,
          upstream: text(request.upstream),
          page_size: positive(request.page_size),
          page_token: text(request.page_token),
        },
        { from: request.from, to: request.to },
      ),
    gen.ListBreakerHistoryResponse,
    shape({ transitions: each(TRANSITION) }),
  ),
  SimulateBreaker: unary(
    (request: gen.SimulateBreakerRequest) => {
      const { name, upstream, config, from, to } = request;
      const errors = momentErrors({ from, to });
      const input = present({
        name,
        upstream: text(upstream),
        config: config === undefined ? undefined : present({ ...config }),
        from: moment(from),
        to: moment(to),
      });
      return errors.length === 0 ? { input } : { input, errors };
    },
    gen.SimulateBreakerResponse,
    shape({ actual: simulated, simulated }),
  ),
  VerifyJournal: unary(() => question({}), gen.VerifyJournalResponse),
};

/** By rpc. */
export const HISTORY_STREAMS: Readonly<Record<string, StreamMessages>> = {
  ReadEvents: stream(
    (request: gen.ReadEventsRequest) =>
      question({ ...eventFilters(request), follow: request.follow || undefined }),
    gen.ReadEventsResponse,
    (value) => ({ event: EVENT(value) }),
  ),
  ReplayBreaker: stream(
    ({ name, upstream, from, to, after_revision }: gen.ReplayBreakerRequest) =>
      question(
        { name, upstream: text(upstream), after_revision: whole(after_revision) },
        { from, to },
      ),
    gen.ReplayBreakerResponse,
    shape({ effective: BREAKER_STATE.name, state: BREAKER }),
  ),
};
