/** Messages of the permits lent to other programs. */
import * as gen from '../../../gen/headgate/v1/permit_service.js';
import { command, moment, momentErrors, positive, present, seconds, some, text } from './asked.js';
import { unary } from './entry.js';
import type { UnaryMessages } from './port.js';
import { shape } from './shape.js';
import { OUTCOME, PRIORITY } from './words.js';

const unitsOf = (units: Readonly<Record<string, number>>) =>
  Object.keys(units).length === 0 ? undefined : units;

function observation(told: gen.QuotaObservation): object {
  const { bucket, limit, remaining, used, reset_at } = told;
  return present({ bucket, limit, remaining, used, reset_at: moment(reset_at) });
}

function report(request: gen.ReportRequest) {
  const { permit_id, outcome, status, duration, retry_at, bucket, units, observations } = request;
  const resets = observations.map(
    ({ reset_at }, index) => [`observations/${String(index)}/reset_at`, reset_at] as const,
  );
  const members = {
    permit_id,
    outcome: OUTCOME.word(outcome),
    status: positive(status),
    duration_seconds: seconds(duration),
    retry_at: moment(retry_at),
    bucket: text(bucket),
    units: unitsOf(units),
    observations: some(observations.map(observation)),
  };
  return command({}, members, momentErrors({ retry_at, ...Object.fromEntries(resets) }));
}

/** By rpc. */
export const PERMIT_MESSAGES: Readonly<Record<string, UnaryMessages>> = {
  Acquire: unary(
    (request: gen.AcquireRequest) =>
      command(
        { request_id: request.request_id },
        {
          name: request.name,
          upstream: text(request.upstream),
          endpoint: request.endpoint,
          units: unitsOf(request.units),
          priority: PRIORITY.word(request.priority),
          max_wait_seconds: seconds(request.max_wait),
          ttl_seconds: seconds(request.ttl),
        },
      ),
    gen.AcquireResponse,
  ),
  Report: unary(report, gen.ReportResponse, shape({ outcome: OUTCOME.name })),
};
