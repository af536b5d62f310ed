/** What went wrong at the service, read from its status: one line for people, an object for programs. */
import { status as codes } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { HeadgateError } from '../kernel/errors.js';
import { SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { EXIT } from './exit.js';
import type { ExitCode } from './exit.js';
import { momentText } from './render/moments.js';
import type { Zone } from './render/moments.js';
import { printable } from './render/width.js';

type Violation = { readonly field: string; readonly detail: string };

/** What a status says, its details read. */
export type Failure = {
  /** Of gRPC, e.g. `NOT_FOUND`. */
  readonly status: string;
  /** As docs/errors.md has it, e.g. `collector_not_found`; absent: no service of ours answered. */
  readonly code?: string;
  readonly detail: string;
  readonly errors: readonly Violation[];
  readonly metadata: Readonly<Record<string, string>>;
  /** How long from the answer on. */
  readonly retryAfterMs?: DurationMs;
};

/** A call came back with something else than an answer. */
export class CallFailed extends HeadgateError {
  readonly code = 'call_failed';
  readonly retryable = false;
  readonly failure: Failure;
  readonly exit: ExitCode;

  constructor(failure: Failure, sentence: string) {
    super(sentence);
    this.failure = failure;
    this.exit = EXIT_OF[failure.status] ?? EXIT.failure;
  }
}

const EXIT_OF: Readonly<Record<string, ExitCode>> = {
  INVALID_ARGUMENT: EXIT.usage,
  OUT_OF_RANGE: EXIT.usage,
  FAILED_PRECONDITION: EXIT.refused,
  ABORTED: EXIT.refused,
  ALREADY_EXISTS: EXIT.refused,
  NOT_FOUND: EXIT.notFound,
  UNAUTHENTICATED: EXIT.denied,
  PERMISSION_DENIED: EXIT.denied,
  UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  RESOURCE_EXHAUSTED: EXIT.unavailable,
};

const DETAILS = 'grpc-status-details-bin';
const TYPES = 'type.googleapis.com/google.rpc.';

/** Reads a status of gRPC with whatever details it carries; those that cannot be read are left out. */
export function failureOf(error: ServiceError): Failure {
  const told: { -readonly [Name in keyof Failure]: Failure[Name] } = {
    status: codes[error.code],
    detail: error.details,
    errors: [],
    metadata: {},
  };
  for (const { typeUrl, value } of detailsOf(error)) {
    if (typeUrl === `${TYPES}ErrorInfo`) {
      const { reason, metadata } = ErrorInfo.decode(value);
      told.code = reason.toLowerCase();
      told.metadata = metadata;
    } else if (typeUrl === `${TYPES}BadRequest`) {
      const { fieldViolations } = BadRequest.decode(value);
      told.errors = fieldViolations.map(({ field, description }) => {
        return { field, detail: description };
      });
    } else if (typeUrl === `${TYPES}RetryInfo`) {
      const { retryDelay } = RetryInfo.decode(value);
      if (retryDelay !== undefined) {
        told.retryAfterMs = retryDelay.seconds * SECOND_MS + retryDelay.nanos / 1e6;
      }
    }
  }
  return told;
}

function detailsOf({ metadata }: ServiceError): Status['details'] {
  const [bytes] = metadata.get(DETAILS);
  if (!(bytes instanceof Buffer)) return [];
  try {
    return Status.decode(bytes).details;
  } catch {
    // A proxy that cut it: the code and the message still say what happened.
    return [];
  }
}

/** Where and how the call was made, and whether it may have changed something all the same. */
export type Called = {
  readonly address: string;
  readonly timeoutMs: DurationMs;
  readonly isTls: boolean;
};

/** One sentence for people: what happened, and what to do where that is known. */
export function sentenceOf(failure: Failure, called: Called): string {
  const { code, detail, errors, status } = failure;
  // Only a service of ours says why: without a reason the call did not reach it, or it did not answer.
  if (code === undefined) return unanswered(failure, called);
  const unsaid = errors.filter((each) => !detail.includes(each.detail));
  const more = unsaid.map(({ field, detail: rule }) => `${field} ${rule}`.trim());
  const hint = HINTS[code] ?? HINTS[status];
  return printable([detail, ...more, ...(hint === undefined ? [] : [hint])].join('; '));
}

const HINTS: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'give a token with HEADGATE_TOKEN or --token-file',
  collector_not_found: '`headgate status` lists those that are here',
  PERMISSION_DENIED: 'an admin makes a token that may: `headgate token create --role <role>`',
  outcome_unknown: 'look before you repeat it',
};

/** What the network says where nobody listens, or where there is no such place. */
const NOBODY = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT/;

/** What kept it from connecting, without the words that grpc-js puts around it. */
function causeOf(detail: string): string {
  const [, cause = detail] =
    /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note:/s.exec(
      detail,
    ) ?? [];
  return cause;
}

function unanswered({ status, detail }: Failure, { address, timeoutMs, isTls }: Called): string {
  if (status === 'UNAVAILABLE') {
    const cause = causeOf(detail);
    if (/wrong version number|SSL|TLS|certificate/i.test(cause)) {
      const hint = 'is it served with TLS, and by whom --ca-file says?';
      return `no secure connection to ${address}: ${printable(cause)}; ${hint}`;
    }
    const how = 'start it with `headgate serve`, or name another with --server or HEADGATE_SERVER';
    // Somebody took the connection and closed it: as who speaks TLS does with plain text.
    const hint = isTls || NOBODY.test(cause) ? '' : ' in plain text (does it want --tls?)';
    return `no service answers at ${address}${hint}; ${how}`;
  }
  if (status === 'DEADLINE_EXCEEDED') {
    const waited = `${String(timeoutMs / SECOND_MS)} s`;
    const late = 'a command may take effect all the same';
    return `${address} did not answer within ${waited} (--timeout); ${late}`;
  }
  if (status === 'UNIMPLEMENTED') {
    return `the service at ${address} does not know this call: is it an older version, or no Headgate?`;
  }
  return `${address} answered ${status}: ${printable(detail)}`;
}

/** The line on standard error, with the moment to try again when there is one. */
export function failureLine(failed: CallFailed, now: EpochMs, zone: Zone): string {
  const { retryAfterMs } = failed.failure;
  if (retryAfterMs === undefined) return `headgate: ${failed.message}\n`;
  const at = momentText(now + retryAfterMs, zone);
  const wait = `try again in ${String(Math.ceil(retryAfterMs / SECOND_MS))} s (${at})`;
  return `headgate: ${failed.message}; ${wait}\n`;
}

/** The same for programs. */
export function failureJson(failed: CallFailed, now: EpochMs): object {
  const { code, status, errors, metadata, retryAfterMs } = failed.failure;
  return {
    success: false,
    error: failed.message,
    code: code ?? status.toLowerCase(),
    grpc_status: status,
    ...(errors.length === 0 ? {} : { errors }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(retryAfterMs === undefined
      ? {}
      : { retry_after_seconds: retryAfterMs / SECOND_MS, retry_at: iso(now + retryAfterMs) }),
    exit_code: failed.exit,
  };
}

function iso(at: EpochMs): string {
  return new Date(at).toISOString();
}
