/** A collector as REST shows it: the line in the list, the whole page, the past, and its health. */
import { assert } from '../../kernel/errors.js';
import type { LiveCollector } from '../../actors/engine.js';
import { DAY_MS, isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type {
  CollectorDocs,
  CostView,
  HealthCheck,
  HealthStatistics,
  HealthView,
  PastView,
  Views,
} from '../../projections/views.js';
import { breakerDetail, breakerLine, primaryOf } from './breaker.js';
import { usage } from './costs.js';
import { checkCounts, checkLine, healthDetail } from './health.js';
import { limiterDetail, limiterLine, rateConfig } from './limiter.js';
import { decimalOf, moment, ratio } from './numbers.js';
import { whyMembers, whyOfDocs, whyWarned } from './why.js';

/** All that is known of a collector at one moment. */
export type Subject = {
  readonly docs: CollectorDocs;
  readonly at: EpochMs;
  /** What memory knows: of the present only. */
  readonly live: LiveCollector | undefined;
  readonly health: HealthView;
  /** Undefined: the collector has no scope. */
  readonly cost: CostView | undefined;
  readonly callsToday: number;
  /** The etag, of the documents. */
  readonly revision: string;
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
  const health = once(() => {
    const known = views.health(name, now);
    assert(known !== undefined, `${name} has documents, so it has a health`);
    return known;
  });
  const cost = once(() => views.costs(name, now));
  const callsToday = once(() => views.callsToday(name, now));
  // What is not shown is not worked out: the answer to a command shows the least of it.
  return {
    docs,
    at: now,
    live,
    get health() {
      return health();
    },
    get cost() {
      return cost();
    },
    get callsToday() {
      return callsToday();
    },
    revision: docs.etag,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const RECENT_CHECKS = 5;
const CONNECTED: readonly string[] = ['idle', 'collecting', 'waiting'];

export function phaseOf({ docs, live }: Subject): string {
  return live?.phase ?? docs.collector.phase;
}

/** Members that line and page share. */
function common(subject: Subject) {
  const { docs, health, cost, callsToday } = subject;
  const { collector } = docs;
  const status = health.health;
  const { successRatio } = health.parts;
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
      requests_today: callsToday,
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
    ...whyMembers(whyWarned(live?.why ?? whyOfDocs(docs, at), docs)),
    suspended: docs.collector.suspended !== null,
    last_new_data_time: moment(docs.collector.lastNewDataAt),
    quota_remaining: subject.cost?.quotaRemaining ?? null,
    rate_limiter: limiterLine(docs.limiters, docs.collector.name, live, at),
    circuit_breaker: breaker === undefined ? null : breakerLine(breaker, at),
  };
}

/** `new_state` of the breaker commands, and the breaker of a page. */
export function breakerOf({ docs, live, at }: Subject, upstream?: string) {
  const { breakers } = docs;
  const named = breakers.find((each) => each.upstream === upstream);
  const shown = upstream === undefined ? primaryOf(breakers) : named;
  if (shown === undefined) return null;
  const reached = docs.collector.upstreamDetails ?? [];
  return breakerDetail(shown, breakers, live?.breakers, at, reached);
}

function intent({ docs, revision }: Subject) {
  const { desired, suspended } = docs.collector;
  return {
    desired: { ...desired, until: moment(desired.until) },
    suspended: suspended && {
      cause: suspended.cause,
      detail: suspended.detail,
      since: moment(suspended.since),
      next_try: moment(suspended.nextTry),
    },
    revision,
    etag: revision,
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
      warnings: lastRun.warnings ?? [],
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

/** The newest five checks, and all of the last day counted. */
type Checked = {
  readonly checks: readonly HealthCheck[];
  readonly statistics: HealthStatistics;
};

/** `collector` of `GET /collectors/{name}`, of whatever moment. */
function page(subject: Subject, { checks, statistics }: Checked) {
  const { docs, live, at } = subject;
  return {
    ...common(subject),
    timestamp: isoTime(at),
    ...whyMembers(whyWarned(live?.why ?? whyOfDocs(docs, at), docs)),
    rate_limiter: limiterDetail(docs.limiters, docs.collector.name, live, at),
    circuit_breaker: breakerOf(subject),
    recent_health: checks.map(checkLine),
    health_summary: checkCounts(statistics),
    usage: usage(subject.cost, subject.callsToday),
    ...intent(subject),
    ...work(subject),
  };
}

export function collectorNow(subject: Subject, views: Views) {
  const { name } = subject.docs.collector;
  const dayAgo = subject.at - DAY_MS;
  const checks = views.checks(name, dayAgo, RECENT_CHECKS);
  return page(subject, { checks, statistics: views.healthStatistics(name, dayAgo) });
}

/** As of a past moment: what only memory knew then (permits, queues, probes under way) is null. */
export function collectorThen(past: PastView, at: EpochMs) {
  const { docs, health, costs: cost, callsToday, revision } = past;
  const subject = { docs, at, live: undefined, health, cost, callsToday, revision };
  const checks = past.checks.slice(0, RECENT_CHECKS);
  return page(subject, { checks, statistics: past.healthStatistics });
}

/** One member of `GET /health/collectors`. */
export function healthLine(subject: Subject) {
  const { docs, health } = subject;
  const { collector } = docs;
  const status = health.health;
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
