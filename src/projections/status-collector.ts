/** What a collector's facts make of its document. Pure; folded live and for any past moment alike. */
import type { EpochMs } from '../kernel/types.js';
import type { CollectorFact } from './facts.js';
import type { CollectorDoc } from './views.js';

/** Holes remembered per collector; older ones are in the journal. */
const GAPS_SHOWN_MAX = 10;

type Reducers = {
  readonly [T in CollectorFact['type']]: (
    doc: CollectorDoc,
    fact: Extract<CollectorFact, { readonly type: T }>,
  ) => CollectorDoc;
};

/** The document after one more fact. Before its first fact a collector has none. */
export function collectorDocAfter(
  doc: CollectorDoc | undefined,
  fact: CollectorFact,
  name: string,
): CollectorDoc {
  const reduce = reducers[fact.type] as (doc: CollectorDoc, fact: CollectorFact) => CollectorDoc;
  return reduce(doc ?? emptyCollectorDoc(name, fact.atMs), fact);
}

function emptyCollectorDoc(name: string, at: EpochMs): CollectorDoc {
  return {
    name,
    type: '',
    source: '',
    registeredAt: at,
    desired: { enabled: false, reason: '', actor: '', until: null },
    suspended: null,
    phase: 'stopped',
    phaseSince: at,
    schedule: { intervalMs: 0, cron: '', zone: '', jitter: 0 },
    scopes: [],
    upstreams: [],
    requestTimeoutMs: 0,
    missingKey: '',
    hasApiKey: false,
    upstreamMode: '',
    expectedEveryMs: 0,
    nextDueAt: null,
    blocked: null,
    runs: {
      started: 0,
      succeeded: 0,
      failed: 0,
      unknown: 0,
      blocked: 0,
      skipped: 0,
      consecutiveFailures: 0,
    },
    records: { collected: 0, added: 0 },
    lastRun: null,
    lastSuccessAt: null,
    lastNewDataAt: null,
    runsWithoutNews: 0,
    cursors: {},
    gaps: [],
  };
}

const reducers: Reducers = {
  CollectorRegistered: (doc, f) => ({
    ...doc,
    name: f.name === '' ? doc.name : f.name,
    type: f.collectorType,
    source: f.source,
    registeredAt: f.atMs,
    desired: { enabled: f.enabled, reason: f.reason, actor: 'system', until: null },
  }),
  CollectorConfigured: (doc, f) => {
    const { intervalMs = 0, cron = '', zone = '', jitter = 0 } = f.schedule ?? {};
    return {
      ...doc,
      schedule: { intervalMs, cron, zone, jitter },
      scopes: f.scopes,
      upstreams: f.upstreams,
      upstreamDetails: f.upstreamDetails,
      requestTimeoutMs: f.requestTimeoutMs,
      missingKey: f.missingKey,
      hasApiKey: f.hasApiKey,
      upstreamMode: f.upstreamMode,
      expectedEveryMs: f.expectedEveryMs > 0 ? f.expectedEveryMs : intervalMs,
    };
  },
  CollectorEnabled: (doc, f) => ({
    ...(doc.phase === 'stopped' ? inPhase(doc, 'starting', f.atMs) : doc),
    desired: { enabled: true, reason: f.reason, actor: f.actor, until: f.untilMs ?? null },
  }),
  CollectorDisabled: (doc, f) => ({
    ...doc,
    desired: { enabled: false, reason: f.reason, actor: f.actor, until: f.untilMs ?? null },
    nextDueAt: null,
  }),
  CollectorSuspended: (doc, f) => ({
    ...doc,
    suspended: {
      cause: f.cause,
      detail: f.detail,
      since: f.atMs,
      nextTry: f.nextTryMs ?? null,
    },
    nextDueAt: null,
  }),
  SuspensionLifted: (doc) => ({ ...doc, suspended: null }),
  CollectorConnected: (doc, f) => ({
    ...due(inPhase(doc, 'idle', f.atMs), f.nextDueMs),
    blocked: null,
  }),
  RunStarted: (doc, f) => ({
    ...inPhase(doc, 'collecting', f.atMs),
    runs: {
      ...doc.runs,
      started: doc.runs.started + 1,
      skipped: doc.runs.skipped + f.skipped,
    },
    lastRun: {
      run: f.run,
      trigger: f.trigger,
      startedAt: f.atMs,
      endedAt: null,
      outcome: null,
      message: '',
    },
    blocked: null,
    nextDueAt: null,
  }),
  RunProgressed: (doc, f) => {
    const before = doc.cursors[f.series]?.newestAt ?? null;
    const newestAt = later(before, f.newestAtMs ?? null);
    const found = f.gaps.map(({ fromMs, toMs, missing }) => ({
      series: f.series,
      fromMs,
      toMs,
      missing,
    }));
    return {
      ...doc,
      records: {
        collected: doc.records.collected + f.records,
        added: doc.records.added + f.newRecords,
      },
      lastNewDataAt: f.newRecords > 0 ? f.atMs : doc.lastNewDataAt,
      cursors: {
        ...doc.cursors,
        [f.series]: { cursor: f.cursor, ordinal: f.ordinal, newestAt },
      },
      gaps: found.length === 0 ? doc.gaps : [...doc.gaps, ...found].slice(-GAPS_SHOWN_MAX),
    };
  },
  RunSucceeded: (doc, f) => ({
    ...ended(doc, f.atMs, 'ok', '', f.warnings),
    ...dueAfterRun(doc, f.nextDueMs),
    runs: { ...doc.runs, succeeded: doc.runs.succeeded + 1, consecutiveFailures: 0 },
    lastSuccessAt: f.atMs,
    runsWithoutNews: f.newRecords > 0 ? 0 : doc.runsWithoutNews + 1,
  }),
  RunFailed: (doc, f) => ({
    ...ended(doc, f.atMs, f.outcome, f.message, f.warnings),
    ...dueAfterRun(doc, f.nextDueMs),
    runs: { ...doc.runs, failed: doc.runs.failed + 1, consecutiveFailures: f.consecutive },
  }),
  RunUnknown: (doc, f) => ({
    ...ended(doc, f.atMs, 'unknown', f.cause, []),
    ...dueAfterRun(doc, f.nextDueMs),
    runs: { ...doc.runs, unknown: doc.runs.unknown + 1 },
  }),
  RunBlocked: (doc, f) => ({
    ...due(inPhase(doc, 'waiting', f.atMs), f.nextDueMs),
    runs: { ...doc.runs, blocked: doc.runs.blocked + 1 },
    blocked: { cause: f.cause, detail: f.detail, until: f.untilMs ?? null },
  }),
  DrainStarted: (doc, f) => ({ ...inPhase(doc, 'draining', f.atMs), nextDueAt: null }),
  CollectorStopped: (doc, f) => ({
    ...inPhase(doc, 'stopped', f.atMs),
    nextDueAt: null,
    blocked: null,
  }),
  RestartRequested: (doc, f) => ({
    ...(doc.phase === 'collecting' || doc.phase === 'draining'
      ? doc
      : inPhase(doc, 'restarting', f.atMs)),
    nextDueAt: null,
    blocked: null,
  }),
  CursorSet: (doc, f) => ({
    ...doc,
    cursors: {
      ...doc.cursors,
      [f.series]: {
        cursor: f.cursor,
        ordinal: f.ordinal,
        newestAt: doc.cursors[f.series]?.newestAt ?? null,
      },
    },
  }),
};

function inPhase(doc: CollectorDoc, phase: string, at: EpochMs): CollectorDoc {
  return doc.phase === phase ? doc : { ...doc, phase, phaseSince: at };
}

/** A run that ends while draining leaves the collector draining. */
function ended(
  doc: CollectorDoc,
  at: EpochMs,
  outcome: string,
  message: string,
  warnings: readonly string[],
): CollectorDoc {
  const { lastRun } = doc;
  const end = { endedAt: at, outcome, message, ...(warnings.length > 0 && { warnings }) };
  return {
    ...(doc.phase === 'collecting' ? inPhase(doc, 'idle', at) : doc),
    lastRun: lastRun === null ? null : { ...lastRun, ...end },
  };
}

/** 0 means none is planned. */
function due(doc: CollectorDoc, nextDueMs: EpochMs): CollectorDoc {
  return { ...doc, nextDueAt: nextDueMs > 0 ? nextDueMs : null };
}

/** When a run ended: of a cron schedule, the longest distance from run to run is what to expect. */
function dueAfterRun(
  doc: CollectorDoc,
  nextDueMs: EpochMs,
): Pick<CollectorDoc, 'nextDueAt' | 'expectedEveryMs'> {
  const { nextDueAt, expectedEveryMs, schedule, lastRun } = due(doc, nextDueMs);
  if (schedule.cron === '' || nextDueAt === null || lastRun === null) {
    return { nextDueAt, expectedEveryMs };
  }
  return { nextDueAt, expectedEveryMs: Math.max(expectedEveryMs, nextDueAt - lastRun.startedAt) };
}

function later(a: EpochMs | null, b: EpochMs | null): EpochMs | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
