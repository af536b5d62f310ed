/** Names what went wrong on the wire: driver and system codes become the few causes of the port. */
import { messageOf } from '../kernel/errors.js';
import { ADDRESS_REFUSED } from './address.js';
import type { Exchange } from './port.js';

export type FailureCause = Extract<Exchange, { kind: 'failed' }>['cause'];

/** A message is for people and logs: one short line. */
const MESSAGE_CHARS_MAX = 200;

const CAUSES: Readonly<Record<string, FailureCause>> = {
  [ADDRESS_REFUSED]: 'address_refused',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  EADDRNOTAVAIL: 'refused',
  ENOTFOUND: 'dns',
  ENODATA: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  EAI_NODATA: 'dns',
  EAI_NONAME: 'dns',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'too_large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'truncated',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'too_large',
  HPE_INVALID_EOF_STATE: 'truncated',
  HPE_INVALID_CHUNK_SIZE: 'truncated',
};

/** OpenSSL's and Node's names for a handshake or a certificate that failed. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|EPROTO$|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_)/;

/** What an error of the driver means. `answered`: headers had come, so its end is a body cut short. */
export function failureOf(
  error: unknown,
  answered: boolean,
): { readonly cause: FailureCause; readonly message: string } {
  const code = codeOf(error);
  const message = (messageOf(error) || code || 'failed').replaceAll(/\s+/g, ' ');
  return { cause: causeOf(code, answered), message: message.slice(0, MESSAGE_CHARS_MAX) };
}

function causeOf(code: string, answered: boolean): FailureCause {
  // The other side closed: in the middle of a body that is a cut, before an answer it is a reset.
  if (code === 'UND_ERR_SOCKET') return answered ? 'truncated' : 'reset';
  if (Object.hasOwn(CAUSES, code)) return CAUSES[code] ?? 'other';
  return TLS_CODE.test(code) ? 'tls' : 'other';
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
