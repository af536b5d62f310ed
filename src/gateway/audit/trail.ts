/**
 * The audit trail of a process (audit.ts): answers are durable before they are told, refusals follow
 * within a second and are told together, so that no flood of them can fill the journal.
 */
import * as gen from '../../gen/headgate/events/v1/audit.js';
import { messageOf } from '../../kernel/errors.js';
import { eventIdOf } from '../../kernel/ids.js';
import type { Logger, MetricFamily } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { isoTime, SECOND_MS } from '../../kernel/time.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import type { Journal } from '../../journal/port.js';
import type { Answered, AuditedOperation, AuditOutcome, Refused, Trail } from './audit.js';
import { coalescing } from './coalescing.js';
import type { Counted } from './coalescing.js';
import { auditStream, auditWriter } from './writer.js';
import type { Line } from './writer.js';
import type { ProblemCode } from '../problems.js';

/** Refusals are written this long after the first of them at most. */
export const BEHIND_MS = SECOND_MS;
/** An answer's text beyond this is not kept; a repeat is answered anew by the actors. */
export const ANSWER_BYTES_MAX = 160 * 1024;
const TEXT_CHARS_MAX = 1_000;

/** The caller may not, or nobody knows who it is; all else that goes wrong is `failed`. */
const DENIED: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'unauthenticated',
  'permission_denied',
  'host_refused',
  'origin_refused',
  'too_many_requests',
]);

export type TrailParts = {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly node: string;
};

export type RunningTrail = Trail & {
  readonly metrics: () => readonly MetricFamily[];
  /** Writes what is left. */
  close(): Promise<void>;
};

type Counts = Record<AuditOutcome | 'lost', number>;

/** @throws {JournalUnavailable} the journal's head cannot be read. */
export async function startTrail(parts: TrailParts): Promise<RunningTrail> {
  const { journal, clock, log } = parts;
  const beganAt = await journal.head();
  const writer = auditWriter(parts);
  const refusals = coalescing();
  const counts: Counts = { success: 0, no_op: 0, denied: 0, failed: 0, lost: 0 };
  const written = new Set<Promise<void>>();
  let cancel: Cancel | undefined;
  let isClosed = false;

  const tellOne = async (counted: Counted): Promise<void> => {
    try {
      await writer.write(refusalLine(parts, counted));
    } catch (thrown) {
      counts.lost += counted.count;
      log.warn('refusals not written into the audit trail', { error: messageOf(thrown) });
    }
  };
  const flush = (all: boolean): void => {
    cancel = undefined;
    for (const counted of refusals.take(clock.now(), all)) {
      const told = tellOne(counted);
      written.add(told);
      void told.finally(() => written.delete(told));
    }
    arm();
  };
  const arm = (): void => {
    if (isClosed || !refusals.waiting()) return;
    cancel ??= clock.after(BEHIND_MS, () => {
      flush(false);
    });
  };

  return {
    beganAt,
    head: () => journal.head(),
    refused(operation, who, problem) {
      const outcome = DENIED.has(problem.code) ? 'denied' : 'failed';
      if (isClosed || (outcome === 'failed' && !isAudited(operation))) return;
      counts[outcome] += 1;
      const { code } = problem;
      const detail = clean(problem.subject ?? problem.detail);
      refusals.add({ operation: operation?.name ?? '', outcome, code, detail, who });
      arm();
    },
    async answered(told) {
      counts[told.outcome] += 1;
      return writer.write(answeredLine(parts, told));
    },
    metrics: () => metricsOf(counts, refusals.dropped(), refusals.kinds()),
    async close() {
      isClosed = true;
      cancel?.();
      flush(true);
      await Promise.all(written);
      await writer.idle();
    },
  };
}

/** Refused questions changed nothing and wanted to change nothing. */
function isAudited(operation: AuditedOperation | undefined): boolean {
  return operation !== undefined && 'facts' in operation.writes;
}

function refusalLine(parts: TrailParts, { refusal, count }: Counted): Line {
  const { operation, outcome, code, detail, who } = refusal;
  const commandId = parts.random.uuid();
  const target = clean(who.target ?? '');
  const fact = { commandId, operation, target, outcome, code, detail, count };
  return line(parts, { ...fact, etag: '' }, who);
}

function answeredLine(parts: TrailParts, told: Answered): Line {
  const { commandId, operation, outcome, who, hash, answer } = told;
  const text = answer?.text;
  const isKept = text !== undefined && Buffer.byteLength(text) <= ANSWER_BYTES_MAX;
  const fact = {
    commandId,
    operation,
    target: clean(told.target),
    outcome,
    code: '',
    detail: '',
    count: 1,
    etag: answer?.etag ?? '',
    ...(isKept ? { answer: text } : {}),
  };
  return line(parts, fact, who, hash);
}

function line(
  parts: TrailParts,
  fact: Omit<gen.CommandAnswered, 'atMs'>,
  who: Refused,
  commandHash?: string,
): Line {
  const { clock, node } = parts;
  const at = clock.now();
  const data = gen.CommandAnswered.toJSON({ ...fact, atMs: at }) as JsonObject;
  const metadata = {
    eventId: eventIdOf(fact.commandId, auditStream(parts), 0),
    commandId: fact.commandId,
    correlationId: clean(who.correlationId),
    actor: clean(who.actor ?? ''),
    interface: who.interface,
    address: clean(who.address),
    operation: fact.operation,
    ...(commandHash === undefined ? {} : { commandHash }),
    ...(who.reason === undefined ? {} : { reason: clean(who.reason) }),
    recordedAt: isoTime(at),
    schema: 1,
    epoch: 1, // one node: the journal's own lock keeps a second writer out
    node,
  };
  const event = { type: 'CommandAnswered', data, metadata };
  return { event, bytes: Buffer.byteLength(JSON.stringify(event)) };
}

/** What callers wrote, as the journal can hold it. */
function clean(text: string): string {
  return text.slice(0, TEXT_CHARS_MAX).replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

function metricsOf(counts: Counts, dropped: number, kinds: number): readonly MetricFamily[] {
  const { lost, ...outcomes } = counts;
  return [
    {
      name: 'headgate_audit_commands_total',
      help: 'Commands told to the audit trail by a fact of its own, by outcome.',
      type: 'counter',
      samples: Object.entries(outcomes).map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
    {
      name: 'headgate_audit_dropped_total',
      help: 'Refusals the audit trail does not have: too many kinds, or the journal took none.',
      type: 'counter',
      samples: [{ labels: {}, value: lost + dropped }],
    },
    {
      name: 'headgate_audit_kinds',
      help: 'Kinds of refusals told apart now.',
      type: 'gauge',
      samples: [{ labels: {}, value: kinds }],
    },
  ];
}
