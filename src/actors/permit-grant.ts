/** Gives a permit to another program: past the gates a call of our own passes (permits.ts L1). */
import type { Clock } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import type { Units } from '../sources/port.js';
import type { Member, Upstream } from './assembly.js';
import type { NotAdmitted } from './breaker/index.js';
import { mayFetch, regions } from './collector/index.js';
import type { AcquireRequest, Permit } from './limiter/index.js';
import { PERMIT_LIMITS, type PermitAnswer, type PermitRequest } from './permit-parts.js';

/** What was passed, held until the report. */
export type Granted = {
  readonly endpoint: string;
  readonly upstream: Upstream;
  readonly permit: Permit;
  /** Of the breaker's admission. */
  readonly generation: number;
  readonly sentAt: EpochMs;
  /** Those of the scope: what a report may name. */
  readonly buckets: readonly string[];
};

type NotGranted = Exclude<PermitAnswer, { readonly kind: 'granted' }>;
type Refused = Extract<PermitAnswer, { readonly kind: 'refused' }>;

/** The run that reservations for other programs name. */
const LENT = 'lent';
/** A permit can lapse between its grant and its use: so often it is asked for again. */
const TRIES_MAX = 3;
const NEVER = new AbortController().signal;

export async function grant(
  member: Member,
  request: PermitRequest,
  clock: Clock,
): Promise<(Granted & { readonly kind: 'granted' }) | NotGranted> {
  const found = drawOf(member, request);
  if ('kind' in found) return found;
  const { upstream, weights, buckets } = found;
  const { waitMaxMs = PERMIT_LIMITS.waitMs, priority = 'live', endpoint, signal } = request;
  const asked: AcquireRequest = {
    collector: request.collector,
    run: LENT,
    endpoint,
    weights,
    priority,
    waitMaxMs: Math.min(waitMaxMs, PERMIT_LIMITS.waitMaxMs),
    signal: signal ?? NEVER,
  };
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const closed = barred(member, upstream) ?? breakerBar(upstream.gate.peek());
    if (closed !== undefined) return closed;
    const leave = await upstream.scope.gate.acquire(asked);
    if (!leave.ok) return limiterBar(leave);
    const passed = pass(member, upstream, leave.permit);
    if (passed === 'lapsed') continue;
    if ('kind' in passed) return passed;
    return { kind: 'granted', endpoint, upstream, ...passed, sentAt: clock.now(), buckets };
  }
  return LAPSED;
}

/** The last check, synchronous: what was passed is still so. Refused here, permit and unit go back. */
function pass(
  member: Member,
  upstream: Upstream,
  permit: Permit,
): Pick<Granted, 'permit' | 'generation'> | NotGranted | 'lapsed' {
  const late = barred(member, upstream);
  if (late !== undefined) {
    permit.release();
    return late;
  }
  const admitted = upstream.gate.admit();
  if (!admitted.ok) {
    permit.release();
    return breakerBar(admitted) ?? LAPSED;
  }
  const { generation } = admitted;
  if (permit.spend()) return { permit, generation };
  upstream.gate.cancel(generation);
  return 'lapsed';
}

const LAPSED: Refused = {
  kind: 'refused',
  cause: 'rate_limit',
  detail: 'the limiter closed before the permit could be given',
};

type Draw = {
  readonly upstream: Upstream;
  readonly weights: Units;
  readonly buckets: readonly string[];
};

/** What the call draws from which scope, or which word of the question is wrong. */
function drawOf(
  member: Member,
  { upstream: name, endpoint, units }: PermitRequest,
): Draw | NotGranted {
  const { upstreams, setup } = member;
  const upstream = upstreams.find((each) => name === undefined || each.name === name);
  const profile = upstream && setup.upstreams[upstream.name]?.profile;
  if (upstream === undefined || profile === undefined) {
    return invalid('/upstream', `must be one of ${upstreams.map((each) => each.name).join(', ')}`);
  }
  const buckets = profile.buckets.map((bucket) => bucket.name);
  if (!Object.hasOwn(profile.weights, endpoint)) {
    const known = Object.keys(profile.weights).join(', ');
    return invalid('/endpoint', `must be one of ${known}`);
  }
  const strange = Object.keys(units ?? {}).find((bucket) => !buckets.includes(bucket));
  if (strange !== undefined) {
    return invalid('/units', `names ${strange}; must be of ${buckets.join(', ')}`);
  }
  const weights = profile.weights[endpoint] ?? {};
  // What the question does not name is drawn as the profile says: a bucket is never forgotten.
  return { upstream, weights: units === undefined ? weights : { ...weights, ...units }, buckets };
}

function invalid(field: string, detail: string): NotGranted {
  return { kind: 'impossible', refusal: { kind: 'invalid', field, detail } };
}

/** Intent, suspension, quarantine: what forbids our own calls forbids lent ones. */
function barred({ handle }: Member, { handle: breaker, scope }: Upstream): NotGranted | undefined {
  const broken = handle.quarantined() ?? breaker.quarantined() ?? scope.handle.quarantined();
  if (broken !== undefined) {
    return { kind: 'impossible', refusal: { kind: 'quarantined', detail: broken } };
  }
  const state = handle.state();
  if (mayFetch(state)) return undefined;
  const { desired } = regions(state);
  if (desired === 'disabled') {
    const { reason, until } = state.context.wish;
    const why = reason === '' ? '' : `: ${reason}`;
    return { ...refused('disabled', `the collector is disabled${why}`, until ?? undefined) };
  }
  const { suspension } = state.context;
  const detail = `the collector is suspended: ${suspension?.detail ?? ''}`;
  return refused('suspended', detail, suspension?.nextTry ?? undefined);
}

function breakerBar(bar: NotAdmitted | { readonly ok: true } | undefined): Refused | undefined {
  if (bar === undefined || bar.ok) return undefined;
  return refused('breaker', `the breaker is ${bar.reason}`, bar.retryAt);
}

function limiterBar(bar: {
  readonly cause: string;
  readonly detail: string;
  readonly until?: EpochMs;
  readonly bucket?: string;
}): NotGranted {
  const { cause, detail, until, bucket } = bar;
  if (cause === 'cancelled') return refused(cause, 'the caller went away');
  if (cause === 'overloaded') return { kind: 'impossible', refusal: { kind: cause, detail } };
  if (cause === 'unavailable') {
    return { kind: 'impossible', refusal: { kind: 'journal-unavailable', detail } };
  }
  return { ...refused(cause, detail, until), ...(bucket !== undefined && { bucket }) };
}

function refused(cause: string, detail: string, until?: EpochMs): Refused {
  return { kind: 'refused', cause, detail, ...(until !== undefined && { until }) };
}
