/** Answers bytes that never became a request: there is no request and no reply, only a socket. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Problem } from '../problems.js';
import { PROBLEM_TYPE, problemBody } from './problem-body.js';
import { CSP, SECURITY_HEADERS } from './security-headers.js';
import { STATUSES } from './statuses.js';

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'headers_too_large', detail: 'the request line and headers are too long' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'the request did not arrive in time' };
    default:
      return { code: 'bad_request', detail: 'this is not HTTP' };
  }
}

/** Says what is wrong, if anyone still listens, and closes. Answers the status that was sent. */
export function answerMalformed(
  error: { readonly code?: string },
  socket: Socket,
  requestId: string,
): number | undefined {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const problem = problemOf(error.code);
  const status = STATUSES[problem.code];
  const body = problemBody(problem, '', requestId);
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${String(Buffer.byteLength(body))}`,
    `x-request-id: ${requestId}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    `content-security-policy: ${CSP}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  return status;
}
