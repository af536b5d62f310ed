/** A collector as REST shows it: the line in the list, the whole page, the past, and its health. */
import type { LiveCollector } from '../../actors/engine.js';
import { DAY_MS, isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { CollectorDocs, CostView, HealthView, Views } from '../../projections/views.js';
import { breakerDetail, breakerLine, primaryOf } from './breaker.js';
import { usage } from './costs.js';
import { checkCounts, checkLine, healthDetail, healthOfDocs } from './health.js';
import { limiterDetail, limiterLine, rateConfig } from './limiter.js';
import { decimalOf, moment, ratio } from './numbers.js';
import { whyMembers, whyOfDocs } from './why.js';

/** All that is known of a collector at one moment. The last four are of the present only. */
export type Subject = {
  readonly docs: CollectorDocs;
  readonly at: EpochMs;
  readonly live: LiveCollector | undefined;
  readonly health: HealthView | undefined;
  readonly cost: CostView | undefined;
  readonly callsToday: number | undefined;
};

/** The collector as it is now, or undefined when the views know none of this name. */
export function subjectNow(
  views: Views,
  live: LiveCollector | undefined,
  name: string,
  now: EpochMs,
): Subject | undefined {
  const docs = views.docs(name);
  if (docs === undefined) return undefined;
  return {
    docs,
    at: now,
    live,
    health: views.health(name, now),
    cost: views.costs(name, now),
    callsToday: views.callsToday(name, now),
  };
}

export function subjectThen(docs: CollectorDocs, at: EpochMs): Subject {
  const unknown = { live: undefined, health: undefined, cost: undefined, callsToday: undefined };
  return { docs, at, ...unknown };
}

const CONNECTED: readonly string[] = ['idle', 'collecting', 'waiting'];

export function phaseOf({ docs, live }: Subject): string {
  return live?.phase ?? docs.collector.phase;
}

export function statusOf({ docs, health, at }: Subject): string {
  return health?.health ?? healthOfDocs(docs, at);
}

/** Members that line and page share. */
function common(subject: Subject) {
  const { docs, health, cost, callsToday } = subject;
  const { collector } = docs;
  const status = statusOf(subject);
  const successRatio = health?.parts.successRatio;
  return {
    name: collector.name,
    type: collector.type,
    enabled: collector.desired.enabled,
    connected: CONNECTED.includes(phaseOf(subject)),
    status,
    health: status,
    health_detail: healthDetail(health),
    last_collection_time: moment(collector.lastSuccessAt),
    metrics: {
      error_rate: successRatio === undefined ? null : ratio(1 - successRatio),
      success_rate: ratio(successRatio),
      requests_today: callsToday ?? null,
    },
    cost: cost === undefined ? null : decimalOf(cost.monthCostMicros),
    has_api_key: collector.hasApiKey,
    configured_rate_limit:
      rateConfig(docs.limiters, collector.name)?.max_requests_per_second ?? null,
    phase: phaseOf(subject),
    upstream_mode: collector.upstreamMode,
  };
}

/** One member of `collectors` in `GET /collectors`. */
export function collectorLine(subject: Subject) {
  const { docs, live, at } = subject;
  const breaker = primaryOf(docs.breakers);
  return {
    ...common(subject),
    suspended: docs.collector.suspended !== null,
    rate_limiter: limiterLine(docs.limiters, docs.collector.name, live, at),
    circuit_breaker: breaker === undefined ? null : breakerLine(breaker, at),
  };
}

/** `new_state` of the breaker commands, and the breaker of a page. */
export function breakerOf({ docs, live, at }: Subject, upstream?: string) {
  const { breakers } = docs;
  const named = breakers.find((each) => each.upstream === upstream);
  const shown = upstream === undefined ? primaryOf(breakers) : named;
  return shown === undefined ? null : breakerDetail(shown, breakers, live?.breakers, at);
}

function intent({ docs, live }: Subject) {
  const { desired, suspended } = docs.collector;
  return {
    desired: { ...desired, until: moment(desired.until) },
    suspended: suspended && {
      cause: suspended.cause,
      detail: suspended.detail,
      since: moment(suspended.since),
      next_try: moment(suspended.nextTry),
    },
    revision: live?.revision ?? String(docs.revision),
  };
}

function work({ docs }: Subject) {
  const { collector } = docs;
  const { lastRun, runs, records } = collector;
  return {
    next_run_time: moment(collector.nextDueAt),
    last_new_data_time: moment(collector.lastNewDataAt),
    last_run: lastRun && {
      run: lastRun.run,
      trigger: lastRun.trigger,
      started_at: moment(lastRun.startedAt),
      ended_at: moment(lastRun.endedAt),
      outcome: lastRun.outcome,
      message: lastRun.message,
    },
    runs: {
      started: runs.started,
      succeeded: runs.succeeded,
      failed: runs.failed,
      unknown: runs.unknown,
      blocked: runs.blocked,
      skipped: runs.skipped,
      consecutive_failures: runs.consecutiveFailures,
    },
    records: { collected: records.collected, added: records.added },
  };
}

/** `collector` of `GET /collectors/{name}`, but what only the present has. */
function page(subject: Subject) {
  const { docs, live, at } = subject;
  return {
    ...common(subject),
    timestamp: isoTime(at),
    ...whyMembers(live?.why ?? whyOfDocs(docs, at)),
    rate_limiter: limiterDetail(docs.limiters, docs.collector.name, live, at),
    circuit_breaker: breakerOf(subject),
    ...intent(subject),
    ...work(subject),
  };
}

export function collectorNow(subject: Subject, views: Views) {
  const { name } = subject.docs.collector;
  const dayAgo = subject.at - DAY_MS;
  return {
    ...page(subject),
    recent_health: views.checks(name, dayAgo, 5).map(checkLine),
    health_summary: checkCounts(views.healthStatistics(name, dayAgo)),
    usage: usage(subject.cost, subject.callsToday ?? 0),
  };
}

/** As of a past moment: what no document of then tells is null. */
export function collectorThen(docs: CollectorDocs, at: EpochMs) {
  const past = { recent_health: null, health_summary: null, usage: null };
  return { ...page(subjectThen(docs, at)), ...past };
}

/** One member of `GET /health/collectors`. */
export function healthLine(subject: Subject) {
  const { docs, health } = subject;
  const { collector } = docs;
  const status = statusOf(subject);
  return {
    name: collector.name,
    enabled: collector.desired.enabled,
    connected: CONNECTED.includes(phaseOf(subject)),
    status,
    health: status,
    ...healthDetail(health),
    last_collection_time: moment(collector.lastSuccessAt),
    last_new_data_time: moment(collector.lastNewDataAt),
    consecutive_failures: collector.runs.consecutiveFailures,
  };
}
