import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DETAILS_KEY, statusOf } from '../../src/gateway/grpc/errors.js';
import { GRPC_STATUSES, codeName } from '../../src/gateway/grpc/statuses.js';
import { PROBLEMS } from '../../src/gateway/problems.js';
import type { Problem, ProblemCode } from '../../src/gateway/problems.js';
import { STATUSES } from '../../src/gateway/rest/statuses.js';
import { retryAfterSeconds } from '../../src/gateway/waits.js';
import { toldBy } from '../support/grpc-client.js';
import type { Told } from '../support/grpc-client.js';

const NOW = Date.UTC(2026, 0, 5, 12);
const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** As a client reads it. */
function told(problem: Problem): Told {
  return toldBy(statusOf(problem, NOW, 'r-1') as unknown as ServiceError);
}

describe('a problem as a status', () => {
  it.each(CODES)('%s carries its reason, its number and the id of the request', (code) => {
    const read = told({ code, detail: 'because', subject: 'moralis' });
    expect(read.code).toBe(status[GRPC_STATUSES[code]]);
    expect(read.message).toBe(`${PROBLEMS[code]}: moralis`);
    expect(read.info).toMatchObject({
      reason: code.toUpperCase(),
      domain: 'headgate.dev',
      metadata: { detail: 'because', request_id: 'r-1', subject: 'moralis' },
    });
  });

  it('follows the table of the contract, row by row', () => {
    const rows: Readonly<Record<number, readonly string[]>> = {
      400: ['INVALID_ARGUMENT'],
      401: ['UNAUTHENTICATED'],
      403: ['PERMISSION_DENIED'],
      404: ['NOT_FOUND'],
      405: ['UNIMPLEMENTED'],
      408: ['DEADLINE_EXCEEDED'],
      409: ['FAILED_PRECONDITION', 'ABORTED'],
      412: ['ABORTED'],
      413: ['INVALID_ARGUMENT'],
      415: ['INVALID_ARGUMENT'],
      422: ['INVALID_ARGUMENT'],
      429: ['RESOURCE_EXHAUSTED'],
      431: ['INVALID_ARGUMENT'],
      500: ['INTERNAL'],
      // Whether it happened is not known: the one that must not look as if it could simply be repeated.
      503: ['UNAVAILABLE', 'DEADLINE_EXCEEDED'],
    };
    for (const code of CODES) expect(rows[STATUSES[code]]).toContain(status[GRPC_STATUSES[code]]);
    expect(status[GRPC_STATUSES.raced]).toBe('ABORTED');
    expect(status[GRPC_STATUSES.illegal_state]).toBe('FAILED_PRECONDITION');
    expect(status[GRPC_STATUSES.outcome_unknown]).toBe('DEADLINE_EXCEEDED');
  });

  it('tells to wait as long as REST does, or not at all where that helps nothing', () => {
    for (const code of CODES) {
      for (const problem of [
        { code, detail: '' },
        { code, detail: '', retryAt: NOW + 90_500 },
      ]) {
        const seconds = retryAfterSeconds(problem, NOW);
        expect(told(problem).retry?.retryDelay?.seconds).toBe(seconds);
      }
    }
  });

  it('names each field that is wrong by its path in the request', () => {
    const errors = [
      { pointer: '/max_requests_per_second', detail: 'must be > 0, got -3' },
      { pointer: '/ttl_seconds', detail: 'must be >= 0.001' },
      { pointer: '/max_wait_seconds', detail: 'must be <= 60' },
      { pointer: '/failure_threshold', detail: 'must be >= 0' },
      { pointer: '/config/failure_threshold', detail: 'must be >= 0' },
      { pointer: '/config/names/0', detail: 'must be a string' },
    ];
    const { badRequest } = told({ code: 'invalid_input', detail: 'x', errors });
    expect(badRequest?.fieldViolations.map(({ field }) => field)).toEqual([
      'max_requests_per_second',
      'ttl',
      'max_wait',
      'config.failure_threshold',
      'config.failure_threshold',
      'config.names[0]',
    ]);
    expect(badRequest?.fieldViolations[0]?.description).toBe('must be > 0, got -3');
    const conflict = told({ code: 'idempotency_conflict', detail: 'x' });
    expect(conflict.badRequest?.fieldViolations[0]?.field).toBe('request_id');
  });

  it('says which precondition fails, and which revision there is now', () => {
    const stale = told({ code: 'precondition_failed', detail: 'not current', etag: '3.0.1' });
    expect(stale.info?.metadata['etag']).toBe('3.0.1');
    expect(stale.precondition?.violations).toMatchObject([
      { type: 'PRECONDITION_FAILED', description: 'not current (now 3.0.1)' },
    ]);
    const illegal = told({ code: 'illegal_state', detail: 'it is closed', subject: 'moralis' });
    expect(illegal.precondition?.violations).toMatchObject([
      { type: 'ILLEGAL_STATE', subject: 'moralis', description: 'it is closed' },
    ]);
  });

  it('names what is not there', () => {
    expect(
      told({ code: 'collector_not_found', detail: 'x', subject: 'nope' }).resource,
    ).toMatchObject({ resourceType: 'headgate.dev/Collector', resourceName: 'nope' });
  });

  it('fits into the trailers that clients accept, and can be sent, whatever callers wrote', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3_000 });
    fc.assert(
      fc.property(
        fc.constantFrom(...CODES),
        text,
        text,
        fc.array(fc.record({ pointer: text, detail: text }), { maxLength: 30 }),
        (code, detail, subject, errors) => {
          const { details, metadata } = statusOf({ code, detail, subject, errors }, NOW, 'r-1');
          const [bytes] = metadata.get(DETAILS_KEY);
          expect(() => encodeURI(details)).not.toThrow();
          expect((bytes as Buffer).toString('base64').length).toBeLessThan(7_000);
        },
      ),
    );
  });
});

it('codes have the names that dashboards ask for', () => {
  expect([0, 1, 3, 4, 5, 14, 99].map(codeName)).toEqual([
    'OK',
    'Canceled',
    'InvalidArgument',
    'DeadlineExceeded',
    'NotFound',
    'Unavailable',
    'Unknown',
  ]);
});
