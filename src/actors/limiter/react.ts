/** What an answer does to the gate: at once in memory, then as a command (A2). */
import { PERIOD_MAX_MS } from '../../kernel/calendar.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Observation } from '../../sources/port.js';
import { isCounted } from './buckets.js';
import type { LimiterCommand } from './commands.js';
import type { AcquireRequest, Desk, PermitReport } from './desk.js';
import { bucketOf, windowOf } from './counted.js';
import { usedByUpstream } from './evolve.js';
import { believed, isWorthRecording, tightens, withLimit } from './observe.js';
import { limitOf, refillsAt } from './periods.js';
import { banEnd, pauseEnd } from './restrict.js';

/** HTTP's word for a web application firewall's bar, as against a provider's own ban. */
const FORBIDDEN = 403;

export function react(
  desk: Desk,
  request: AcquireRequest,
  report: PermitReport,
  sentAt: EpochMs,
): void {
  if (report.malformedHeaders > 0) {
    if (desk.malformedHeaders === 0) {
      desk.log.warn('limit headers make no sense: ignored', { endpoint: request.endpoint });
    }
    desk.malformedHeaders += report.malformedHeaders;
  }
  observeAll(desk, request, report, sentAt);
  switch (report.outcome) {
    case 'throttled':
      throttled(desk, request, report, sentAt);
      break;
    case 'banned':
      banned(desk, request, report);
      break;
    case 'quota_exhausted':
      exhausted(desk, request, report, sentAt);
      break;
    default:
      return;
  }
  desk.pump();
}

function throttled(
  desk: Desk,
  request: AcquireRequest,
  report: PermitReport,
  sentAt: EpochMs,
): void {
  const now = desk.clock.now();
  const { episode } = desk.context();
  const { retryAt, status } = report;
  const isSameWindow = episode !== null && sentAt < episode.sameWindowUntil;
  const cuts = (episode?.cuts ?? 0) + 1;
  if (!isSameWindow || retryAt !== undefined) desk.bars.pause(pauseEnd(cuts, retryAt, now));
  const { collector, endpoint } = request;
  tell(desk, {
    type: 'ReportThrottle',
    collector,
    endpoint,
    status,
    sentAt,
    now,
    ...(retryAt !== undefined && { retryAt }),
  });
}

function banned(desk: Desk, { collector }: AcquireRequest, report: PermitReport): void {
  const now = desk.clock.now();
  const until = banEnd(report.retryAt, now);
  const cause = report.status === FORBIDDEN ? 'waf' : 'banned';
  const detail = `the upstream barred this scope with status ${String(report.status)}`;
  desk.bars.ban(until, detail);
  tell(desk, { type: 'BlockScope', cause, collector, detail, until, now });
}

/** Without a bucket to block, a used-up quota is a throttle. */
function exhausted(
  desk: Desk,
  request: AcquireRequest,
  report: PermitReport,
  sentAt: EpochMs,
): void {
  const context = desk.context();
  const drawn = context.config?.buckets.filter(({ name }) => request.weights[name] !== undefined);
  const usual = drawn?.find(({ quota }) => quota) ?? drawn?.[0];
  const bucket = report.bucket ?? usual?.name;
  if (bucket === undefined || bucketOf(context, bucket) === undefined) {
    throttled(desk, request, report, sentAt);
    return;
  }
  const now = desk.clock.now();
  const said = report.retryAt !== undefined && report.retryAt > now ? report.retryAt : undefined;
  const until = Math.min(said ?? refillsAt(context, bucket, now), now + PERIOD_MAX_MS);
  const detail = `the provider says the quota of ${bucket} is used up`;
  desk.bars.block(bucket, until, 'quota', detail);
  const { collector } = request;
  tell(desk, { type: 'BlockBucket', bucket, collector, detail, until, now });
}

/** Observations only tighten: at once here; what is worth remembering goes to the journal. */
function observeAll(
  desk: Desk,
  request: AcquireRequest,
  report: PermitReport,
  sentAt: EpochMs,
): void {
  if (report.observations.length === 0) return;
  const context = desk.context();
  const now = desk.clock.now();
  const valid = report.observations.filter((seen) => isOfThisWindow(desk, seen, now, sentAt));
  const { endpoint } = request;
  const isFirst = valid.length > 0 && isFirstOf(desk, endpoint);
  const worth = valid.filter(
    (seen) =>
      isFirst || isWorthRecording(context, seen, now, desk.ledger.sentIn(seen.bucket, now), sentAt),
  );
  const ours: Record<string, number> = {};
  for (const { bucket } of worth) {
    const sent = desk.ledger.sentIn(bucket, now);
    if (sent !== undefined) ours[bucket] = sent;
  }
  for (const seen of valid) tighten(desk, withLimit(context, seen), now);
  if (worth.length === 0) return;
  tell(desk, { type: 'ObserveQuota', endpoint, observations: worth, ours, isFirst, sentAt });
}

/** Endpoints that were told of since a gate was opened: people look at each, facts are coalesced by bucket. */
const toldOf = new WeakMap<Desk, Set<string>>();
const ENDPOINTS_MAX = 256;

function isFirstOf(desk: Desk, endpoint: string): boolean {
  const told = toldOf.get(desk) ?? new Set<string>();
  toldOf.set(desk, told);
  if (told.has(endpoint) || told.size >= ENDPOINTS_MAX) return false;
  told.add(endpoint);
  return true;
}

/** An answer to a call of the last window says nothing about this one. */
function isOfThisWindow(desk: Desk, seen: Observation, now: EpochMs, sentAt: EpochMs): boolean {
  const context = desk.context();
  const bucket = bucketOf(context, seen.bucket);
  if (bucket === undefined) return false;
  if (!isCounted(bucket)) return true;
  const window = windowOf(context, seen.bucket, now);
  return window === undefined || sentAt >= window.start;
}

function tighten(desk: Desk, seen: Observation, now: EpochMs): void {
  const { bucket: name, resetAt } = seen;
  const context = desk.context();
  const bucket = bucketOf(context, name);
  const used = usedByUpstream(seen);
  if (bucket === undefined || used === undefined) return;
  const limit = limitOf(context, name);
  const isOut = used >= Math.min(limit, seen.limit ?? Infinity);
  const detail = `the upstream counts ${String(used)} units of ${name} as used`;
  if (!isCounted(bucket)) {
    desk.lanes.tighten(name, limit - used, desk.clock.monotonic());
    if (!isOut || resetAt === undefined || resetAt <= now) return;
    desk.bars.block(name, believed(bucket, resetAt, now), 'rate_limit', detail);
    return;
  }
  // Blocks opened so far were decided without this knowledge; the next one is decided with it.
  if (tightens(context, seen, now, desk.ledger.sentIn(name, now))) desk.ledger.retireAll();
  if (!isOut) return;
  const end = windowOf(context, name, now)?.end ?? refillsAt(context, name, now);
  const until = resetAt !== undefined && resetAt > now ? resetAt : end;
  const cause = bucket.quota ? 'quota' : 'rate_limit';
  desk.bars.block(name, believed(bucket, until, now), cause, detail);
}

/** The memory has it already; what could not be written is said aloud. */
function tell(desk: Desk, command: LimiterCommand): void {
  void desk.handle.ask(command, desk.system(`limiter ${command.type}`)).then((answer) => {
    if (answer.ok) return;
    const { kind, detail } = answer.refusal;
    desk.log.warn('limiter command refused', { command: command.type, refusal: kind, detail });
  });
}
