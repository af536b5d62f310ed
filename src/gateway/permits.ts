/** Permits for other programs: their calls share a collector's limiter and breaker (api.md §5). */
import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { PERMIT_LIMITS, type CallReport, type PermitAnswer } from '../actors/index.js';
import { isoTime } from '../kernel/time.js';
import { fail, ok } from '../kernel/types.js';
import type { EpochMs, Result } from '../kernel/types.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import { momentOf, NAME_CHARS_MAX, RESERVED_NAMES, words, upstream } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Caller } from './operation.js';
import { collectorNotFound, invalidInput, problemOf } from './problems.js';
import type { Problem } from './problems.js';
import { permitAsked, permitReported } from './schemas/permits.js';

/** How a call may end (semantics §1). */
export const OUTCOMES = [
  'ok',
  'throttled',
  'banned',
  'quota_exhausted',
  'auth',
  'client',
  'server',
  'bad_data',
  'cancelled',
] as const;

const UNITS_MAX = 1_000_000_000;
const BUCKETS_MAX = 20;
const DURATION_SECONDS_MAX = 86_400;

const name = Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX });
const moment = Type.Optional(Type.String({ minLength: 1, maxLength: 40, 'x-format': 'date-time' }));
const count = Type.Optional(Type.Number({ minimum: 0, maximum: UNITS_MAX }));
const units = Type.Optional(
  Type.Record(name, Type.Number({ minimum: 0, maximum: UNITS_MAX }), {
    maxProperties: BUCKETS_MAX,
  }),
);

const acquireInput = Type.Object(
  {
    name,
    upstream,
    endpoint: name,
    units,
    priority: Type.Optional(words(['live', 'backfill'])),
    max_wait_seconds: Type.Optional(
      Type.Number({ minimum: 0, maximum: PERMIT_LIMITS.waitMaxMs / 1000 }),
    ),
    ttl_seconds: Type.Optional(
      Type.Number({
        minimum: PERMIT_LIMITS.lastsMinMs / 1000,
        maximum: PERMIT_LIMITS.lastsMaxMs / 1000,
      }),
    ),
  },
  { additionalProperties: false },
);

const observation = Type.Object(
  { bucket: name, limit: count, remaining: count, used: count, reset_at: moment },
  { additionalProperties: false },
);

const reportInput = Type.Object(
  {
    permit_id: name,
    outcome: words(OUTCOMES),
    status: Type.Optional(Type.Integer({ minimum: 0, maximum: 999 })),
    duration_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: DURATION_SECONDS_MAX })),
    retry_at: moment,
    bucket: Type.Optional(name),
    units,
    observations: Type.Optional(Type.Array(observation, { minItems: 0, maxItems: BUCKETS_MAX })),
  },
  { additionalProperties: false },
);

/** Lent permits come and go with the calls of other programs. */
const AUDIT = {
  instead: 'the limiter’s and the breaker’s facts hold what was reserved, charged and came of it',
} as const;

/** A permit is no change of a collector: there is no revision to compare, nothing to try out. */
function unfit({ guards }: Caller): Problem | undefined {
  if (guards?.ifMatch !== undefined) {
    return invalidInput({ pointer: '/etag', detail: 'is not a field of this operation' });
  }
  if (guards?.dryRun !== true) return undefined;
  const detail = 'cannot be tried out: whether a permit would be given is told by asking for it';
  return invalidInput({ pointer: '/dry_run', detail });
}

const acquirePermit = operation({
  name: 'acquirePermit',
  summary: 'Asks leave for one call of another program; answers a permit, or when to ask again.',
  role: 'operator',
  input: acquireInput,
  output: permitAsked,
  writes: { facts: ['UnitsReserved'], audit: AUDIT },
  grpc: { service: 'PermitService', method: 'Acquire' },
  rest: { method: 'POST', path: '/collectors/{name}/permits', query: [] },
  handler: async (input, { engine, clock }, caller) => {
    const wrong = unfit(caller);
    if (wrong !== undefined) return fail(wrong);
    if (RESERVED_NAMES.includes(input.name)) return fail(collectorNotFound(input.name));
    const { max_wait_seconds: wait, ttl_seconds: ttl, upstream, priority } = input;
    const { signal, guards } = caller;
    const told = await engine.permits.acquire({
      collector: input.name,
      endpoint: input.endpoint,
      owner: caller.actor,
      ...(upstream !== undefined && { upstream }),
      ...(input.units !== undefined && { units: input.units }),
      ...(priority !== undefined && { priority }),
      ...(wait !== undefined && { waitMaxMs: Math.round(wait * 1000) }),
      ...(ttl !== undefined && { lastsMs: Math.round(ttl * 1000) }),
      ...(guards?.key !== undefined && { key: guards.key }),
      ...(signal !== undefined && { signal }),
    });
    return leaveOf(told, input.name, isoTime(clock.now()));
  },
});

function leaveOf(told: PermitAnswer, collector: string, timestamp: string): Outcome {
  switch (told.kind) {
    case 'impossible':
      return fail(problemOf(told.refusal, collector));
    case 'granted': {
      const permit = { permit_id: told.id, expires_at: isoTime(told.expiresAt) };
      return answer({ collector, permit, refusal: null, timestamp });
    }
    case 'refused': {
      const { cause: reason, detail, until, bucket } = told;
      const retry_at = until === undefined ? null : isoTime(until);
      const refusal = { reason, detail, retry_at, bucket: bucket ?? null };
      return answer({ collector, permit: null, refusal, timestamp });
    }
  }
}

const reportPermit = operation({
  name: 'reportPermit',
  summary: 'Tells what came of the call a permit was for; once. Unreported ones count as charged.',
  role: 'operator',
  input: reportInput,
  output: permitReported,
  writes: { facts: ['UnitsSettled', 'CallsRecorded', 'Throttled', 'BucketBlocked'], audit: AUDIT },
  grpc: { service: 'PermitService', method: 'Report' },
  rest: { method: 'POST', path: '/permits/{permit_id}/report', query: [] },
  handler: (input, { engine }, caller) => {
    const wrong = unfit(caller);
    if (wrong !== undefined) return fail(wrong);
    const report = reportOf(input);
    if (!report.ok) return report;
    const { permit_id: id } = input;
    const told = engine.permits.report(id, caller.actor, report.value);
    switch (told.kind) {
      case 'invalid':
        return fail(invalidInput({ pointer: told.field, detail: told.detail }));
      case 'not-found': {
        const detail = 'no permit of yours has this id; one that timed out was charged';
        return fail({ code: 'permit_not_found', subject: id, detail });
      }
      case 'settled':
        return answer({ permit_id: id, outcome: told.outcome, repeated: told.repeated });
    }
  },
});

/** What the caller said, with its moments read. */
function reportOf(input: Static<typeof reportInput>): Result<CallReport, Problem> {
  const { outcome, status = 0, duration_seconds: seconds = 0, bucket, units: drawn } = input;
  const retryAt = read(input.retry_at);
  if (retryAt === 'wrong') return fail(noMoment('/retry_at'));
  const observations: Observation[] = [];
  for (const [index, { reset_at, ...numbers }] of (input.observations ?? []).entries()) {
    const resetAt = read(reset_at);
    if (resetAt === 'wrong') return fail(noMoment(`/observations/${String(index)}/reset_at`));
    observations.push({ ...numbers, ...(resetAt !== undefined && { resetAt }) });
  }
  return ok({
    outcome,
    status,
    durationMs: Math.round(seconds * 1000),
    observations,
    ...(retryAt !== undefined && { retryAt }),
    ...(bucket !== undefined && { bucket }),
    ...(drawn !== undefined && { units: drawn }),
  });
}

type Observation = CallReport['observations'][number];

function read(moment: string | undefined): EpochMs | undefined | 'wrong' {
  return moment === undefined ? undefined : (momentOf(moment) ?? 'wrong');
}

function noMoment(pointer: string): Problem {
  return invalidInput({ pointer, detail: 'must be an ISO 8601 moment with an offset' });
}

export const PERMITS: readonly AnyOperation[] = [acquirePermit, reportPermit];
