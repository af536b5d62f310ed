/** A problem as a gRPC status with details that every client can read: google.rpc.Status in the trailer. */
import { Metadata, type status } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  ResourceInfo,
  RetryInfo,
} from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { PROBLEMS } from '../problems.js';
import type { InputError, Problem, ProblemCode } from '../problems.js';
import { CONFIG_MEMBERS } from '../shapes/breaker-config.js';
import { retryAfterSeconds } from '../waits.js';
import { GRPC_STATUSES } from './statuses.js';

export const DOMAIN = 'headgate.dev';
export const DETAILS_KEY = 'grpc-status-details-bin';

/** Clients refuse trailers of more than 8 KiB: what is told stays well below, in base64 too. */
const MESSAGE_BYTES_MAX = 400;
const TEXT_BYTES_MAX = 150;
const VIOLATIONS_MAX = 8;
const REASONS_MAX = 4;

/** As grpc-js takes it, for `callback` and `sendStatus`. */
export type StatusObject = {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
};

/** What a caller is told. `requestId` names the call in our log. */
export function statusOf(problem: Problem, now: EpochMs, requestId: string): StatusObject {
  const { code, detail, subject } = problem;
  const number = GRPC_STATUSES[code];
  const message = clipped(`${PROBLEMS[code]}: ${subject ?? detail}`, MESSAGE_BYTES_MAX);
  const details = [
    packed('ErrorInfo', ErrorInfo.encode(errorInfo(problem, requestId)).finish()),
    ...badRequest(problem),
    ...preconditionFailure(problem),
    ...resourceInfo(problem),
    ...retryInfo(problem, now),
  ];
  const told = Status.encode(Status.fromPartial({ code: number, message, details })).finish();
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(told));
  return { code: number, details: message, metadata };
}

function errorInfo(problem: Problem, requestId: string): ErrorInfo {
  const { code, detail, subject, etag, retryAt, reasons, errorId } = problem;
  return ErrorInfo.fromPartial({
    reason: reasonOf(code),
    domain: DOMAIN,
    metadata: {
      detail: clipped(detail, MESSAGE_BYTES_MAX),
      request_id: requestId,
      ...(subject === undefined ? {} : { subject: clipped(subject) }),
      ...(etag === undefined ? {} : { etag }),
      ...(retryAt === undefined ? {} : { retry_at: isoTime(retryAt) }),
      ...(errorId === undefined ? {} : { error_id: errorId }),
      ...(reasons === undefined
        ? {}
        : {
            reasons: reasons
              .slice(0, REASONS_MAX)
              .map((each) => clipped(each))
              .join('; '),
          }),
    },
  });
}

/** The stable code, as AIP-193 spells reasons. */
function reasonOf(code: ProblemCode): string {
  return code.toUpperCase();
}

type Any = {
  readonly $type: 'google.protobuf.Any';
  readonly typeUrl: string;
  readonly value: Buffer;
};

function packed(name: string, bytes: Uint8Array): Any {
  const typeUrl = `type.googleapis.com/google.rpc.${name}`;
  return { $type: 'google.protobuf.Any', typeUrl, value: Buffer.from(bytes) };
}

/** What is wrong without naming a member is the request's. */
const FIELD_OF: Partial<Record<ProblemCode, string>> = { idempotency_conflict: 'request_id' };

function badRequest({ code, detail, errors }: Problem): readonly Any[] {
  if (GRPC_STATUSES[code] !== GRPC_STATUSES.invalid_input) return [];
  const told = errors ?? [{ pointer: FIELD_OF[code] ?? '', detail }];
  const fieldViolations = told.slice(0, VIOLATIONS_MAX).map((error: InputError) => ({
    field: fieldOf(error.pointer),
    description: clipped(error.detail),
  }));
  const bytes = BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish();
  return [packed('BadRequest', bytes)];
}

/** Members of inputs whose fields have another name, or stand in a message of their own. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  ttl_seconds: 'ttl',
  max_wait_seconds: 'max_wait',
  duration_seconds: 'duration',
  ...Object.fromEntries(CONFIG_MEMBERS.map((member) => [member, `config.${member}`])),
};

/** `/config/names/0` → `config.names[0]`, the path of a field in the request. */
function fieldOf(pointer: string): string {
  const parts = pointer.split('/').filter((part) => part !== '');
  const path = parts.map((part, index) => {
    if (/^\d+$/.test(part)) return `[${part}]`;
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    return index === 0 ? (FIELD_NAMES[name] ?? name) : `.${name}`;
  });
  return clipped(path.join(''));
}

function preconditionFailure({ code, detail, subject, etag }: Problem): readonly Any[] {
  const isState = GRPC_STATUSES[code] === GRPC_STATUSES.illegal_state;
  if (!isState && code !== 'precondition_failed') return [];
  const description = clipped(etag === undefined ? detail : `${detail} (now ${etag})`);
  const violation = { type: reasonOf(code), subject: clipped(subject ?? ''), description };
  const failure = PreconditionFailure.fromPartial({ violations: [violation] });
  return [packed('PreconditionFailure', PreconditionFailure.encode(failure).finish())];
}

const RESOURCES: Partial<Record<ProblemCode, string>> = {
  collector_not_found: 'Collector',
  permit_not_found: 'Permit',
  token_not_found: 'Token',
};

function resourceInfo({ code, detail, subject }: Problem): readonly Any[] {
  const resource = RESOURCES[code];
  if (resource === undefined) return [];
  const info = ResourceInfo.fromPartial({
    resourceType: `${DOMAIN}/${resource}`,
    resourceName: clipped(subject ?? ''),
    description: clipped(detail),
  });
  return [packed('ResourceInfo', ResourceInfo.encode(info).finish())];
}

function retryInfo(problem: Problem, now: EpochMs): readonly Any[] {
  const seconds = retryAfterSeconds(problem, now);
  if (seconds === undefined) return [];
  const info = RetryInfo.fromPartial({ retryDelay: { seconds, nanos: 0 } });
  return [packed('RetryInfo', RetryInfo.encode(info).finish())];
}

/** Callers' own words come back, but not without end; half a character cannot be sent at all. */
function clipped(text: string, bytesMax = TEXT_BYTES_MAX): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= bytesMax) return bytes.toString('utf8');
  return `${bytes.subarray(0, bytesMax).toString('utf8')}…`;
}
