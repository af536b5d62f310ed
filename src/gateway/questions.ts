/** The operations that only ask: they write no event and are answered from views, sink and memory. */
import { HOUR_MS, isoTime } from '../kernel/time.js';
import { fail, ok } from '../kernel/types.js';
import { getInput, healthInput, listInput, momentOf, nothing, recordsInput } from './inputs.js';
import { RESERVED_NAMES } from './inputs.js';
import { answer } from './answer.js';
import { notYetAt } from './min-revision.js';
import { operation } from './operation.js';
import type { Outcome } from './answer.js';
import type { AnyOperation, Reach } from './operation.js';
import { collectorNotFound, invalidInput } from './problems.js';
import { sourcesPage } from './schemas/collector-types.js';
import { collectorPage, collectorsPage } from './schemas/collector.js';
import { costsOfAll } from './schemas/costs.js';
import { healthOfAll, healthOfOne } from './schemas/health.js';
import { recordsPage } from './schemas/records.js';
import { collectorThen } from './shapes/collector.js';
import { collectorTypeLine } from './shapes/collector-types.js';
import { checkLine, checkStatistics } from './shapes/health.js';
import { recordLine } from './shapes/record-line.js';
import { nameOfToken } from './status-pages.js';

const WRITES_NOTHING = { none: 'it only reads' } as const;

const LIMIT_DEFAULT = 100;
const HOURS_DEFAULT = 24;
const RECENT_CHECKS = 20;

const listCollectors = operation({
  name: 'listCollectors',
  summary: 'All collectors with their health, limiter and breaker; filtered and paged.',
  role: 'viewer',
  input: listInput,
  output: collectorsPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'CollectorService', method: 'ListCollectors' },
  rest: {
    method: 'GET',
    path: '/collectors',
    query: ['state', 'type', 'status', 'q', 'page_size', 'page_token'],
  },
  handler: (filter, { pages }) => {
    const { page_token: token } = filter;
    const after = token === undefined ? undefined : nameOfToken(token);
    if (token !== undefined && after === undefined) {
      return fail(invalidInput({ pointer: '/page_token', detail: 'is not a token of ours' }));
    }
    return ok(pages.list(filter, after));
  },
});

const listCollectorTypes = operation({
  name: 'listCollectorTypes',
  summary: 'The sources there are, with their options, keys and upstreams.',
  role: 'viewer',
  input: nothing,
  output: sourcesPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'CollectorService', method: 'ListCollectorTypes' },
  rest: { method: 'GET', path: '/collector-types', query: [] },
  handler: (_input, { collectorTypes }) => {
    const types = collectorTypes();
    return answer({ collector_types: types.map(collectorTypeLine), total_count: types.length });
  },
});

const getCosts = operation({
  name: 'getCosts',
  summary: 'What each collector used of its quota in this period, what it cost, where that leads.',
  role: 'viewer',
  input: nothing,
  output: costsOfAll,
  writes: WRITES_NOTHING,
  grpc: { service: 'CollectorService', method: 'GetCosts' },
  rest: { method: 'GET', path: '/collectors/costs', query: [] },
  handler: (_input, { pages }) => ok(pages.costs()),
});

const getCollector = operation({
  name: 'getCollector',
  summary:
    'One collector with all its numbers, and why it is not fetching; now or at a past moment.',
  role: 'viewer',
  input: getInput,
  output: collectorPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'CollectorService', method: 'GetCollector' },
  rest: { method: 'GET', path: '/collectors/{name}', query: ['at', 'min_revision'] },
  handler: ({ name, at, min_revision: least }, reach) => {
    if (RESERVED_NAMES.includes(name)) return fail(collectorNotFound(name));
    if (at !== undefined && least !== undefined) {
      const detail = 'the past waits for nothing: give at or min_revision';
      return fail(invalidInput({ pointer: '/min_revision', detail }));
    }
    if (at !== undefined) return collectorAt(name, at, reach);
    if (least === undefined) return collectorPageOf(name, reach);
    return notYetAt(name, least, reach).then((behind) =>
      behind === undefined ? collectorPageOf(name, reach) : fail(behind),
    );
  },
});

function collectorPageOf(name: string, reach: Reach): Outcome {
  const page = reach.pages.one(name);
  return page === undefined ? fail(missing(name, reach)) : ok(page);
}

/** The engine may have a collector that the views will show in a moment. */
export function missing(name: string, { engine }: Reach) {
  if (!engine.has(name)) return collectorNotFound(name);
  const detail = `${name} is here, but its view is not ready yet`;
  return { code: 'view_behind', detail } as const;
}

/** A folded past is dear: few at once, the rest are refused. */
async function collectorAt(name: string, text: string, reach: Reach): Promise<Outcome> {
  const at = momentOf(text);
  const now = reach.clock.now();
  if (at === undefined) return fail(invalidInput({ pointer: '/at', detail: MOMENT_RULE }));
  if (at > now) {
    return fail(invalidInput({ pointer: '/at', detail: `must not be after ${isoTime(now)}` }));
  }
  if (!reach.slots.past.enter()) {
    const detail = `${String(reach.limits.pastQuestionsMax)} questions about the past are under way`;
    return fail({ code: 'overloaded', detail });
  }
  try {
    const past = await reach.views.past(name, at);
    if (past !== undefined) return answer({ collector: collectorThen(past, at) });
    const isKnown = reach.views.docs(name) !== undefined;
    const detail = `${name} did not exist at ${isoTime(at)}`;
    return fail(isKnown ? { ...collectorNotFound(name), detail } : collectorNotFound(name));
  } finally {
    reach.slots.past.leave();
  }
}

export const MOMENT_RULE =
  'must be an ISO 8601 moment with an offset, e.g. 2026-01-31T12:00:00Z (write + as %2B)';

const listHealth = operation({
  name: 'listHealth',
  summary: 'The health of every collector.',
  role: 'viewer',
  input: nothing,
  output: healthOfAll,
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/health/collectors', query: [] },
  handler: (_input, { pages }) => ok(pages.health()),
});

const getHealth = operation({
  name: 'getHealth',
  summary: 'The checks of one collector in the last hours, counted, and the newest twenty.',
  role: 'viewer',
  input: healthInput,
  output: healthOfOne,
  writes: WRITES_NOTHING,
  grpc: { service: 'HistoryService', method: 'ListHealth' },
  rest: { method: 'GET', path: '/health/collectors/{name}', query: ['limit', 'hours'] },
  handler: ({ name, limit, hours }, reach) => {
    const { views, clock } = reach;
    if (views.docs(name) === undefined) return fail(missing(name, reach));
    const since = clock.now() - (hours ?? HOURS_DEFAULT) * HOUR_MS;
    const checks = views.checks(name, since, limit ?? LIMIT_DEFAULT);
    return answer({
      collector_name: name,
      statistics: checkStatistics(views.healthStatistics(name, since)),
      recent_records: checks.slice(0, RECENT_CHECKS).map(checkLine),
      all_records_count: checks.length,
      timestamp: isoTime(clock.now()),
    });
  },
});

const listRecords = operation({
  name: 'listRecords',
  summary: 'Collected records, newest first; with `after`, oldest first from there on.',
  role: 'viewer',
  input: recordsInput,
  output: recordsPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'RecordService', method: 'ListRecords' },
  rest: { method: 'GET', path: '/collectors/{name}/records', query: ['since', 'after', 'limit'] },
  handler: async ({ name, since, after, limit }, reach) => {
    if (reach.views.docs(name) === undefined) return fail(missing(name, reach));
    const from = since === undefined ? undefined : momentOf(since);
    if (since !== undefined && from === undefined) {
      return fail(invalidInput({ pointer: '/since', detail: MOMENT_RULE }));
    }
    const records = await reach.records.query({
      collector: name,
      ...(from === undefined ? {} : { since: from }),
      ...(after === undefined ? {} : { after }),
      limit: limit ?? LIMIT_DEFAULT,
      order: after === undefined ? 'newest' : 'oldest',
    });
    // Where a reader goes on, whichever way this page ran.
    const nextAfter = records.reduce((last, each) => Math.max(last, each.sequence), after ?? 0);
    return answer({
      collector: name,
      records: records.map(recordLine),
      count: records.length,
      next_after: nextAfter,
      timestamp: isoTime(reach.clock.now()),
    });
  },
});

export const QUESTIONS: readonly AnyOperation[] = [
  listCollectors,
  listCollectorTypes,
  getCosts,
  getCollector,
  listRecords,
  listHealth,
  getHealth,
];
