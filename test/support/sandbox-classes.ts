/** What each fault of the sandbox must be to the service: its class, hence its owner. */
import type { Fault } from '../../src/sources/sandbox/index.js';

export type FaultCase = {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** Class of the run that meets it; ok: the run succeeds all the same. */
  readonly outcome: 'ok' | 'server' | 'bad_data' | 'client';
  /** Stands in the message of the failed run. */
  readonly says?: string;
};

const of = (
  outcome: FaultCase['outcome'],
  name: string,
  fault: Fault,
  says?: string,
): FaultCase => ({
  name,
  faults: [fault],
  outcome,
  ...(says !== undefined && { says }),
});

const KIB = 1024;
const GIB = KIB ** 3;

/** Rows 53 to 62 of the fault catalogue; row 52 and what bars a scope have tests of their own. */
export const FAULT_CASES: readonly FaultCase[] = [
  // 53, 54, 55, 56, 62
  of('server', '500 and nothing', { kind: 'status', status: 500 }, 'answered 500'),
  of('server', '502 with HTML', { kind: 'status', status: 502, body: 'html' }, 'answered 502'),
  of('server', '408', { kind: 'status', status: 408 }, 'answered 408'),
  of('server', 'refused', { kind: 'unreachable' }, 'refused'),
  of('server', 'reset', { kind: 'reset', at: 'before_headers' }, 'reset'),
  of('server', 'reset in the body', { kind: 'reset', at: 'mid_body' }, 'reset'),
  of('server', 'no HTTP', { kind: 'not_http' }, 'other'),
  of('server', 'no headers', { kind: 'timeout' }, 'timeout'),
  of('server', 'a late success', { kind: 'latency', ms: 5000 }, 'timeout'),
  of('server', 'byte by byte', { kind: 'slow_drip', bytes: 1, everyMs: 50 }, 'timeout'),
  of('server', 'an end that never comes', { kind: 'wrong_length', claim: 'longer' }, 'timeout'),
  // 57, 58
  of('bad_data', 'a compressed bomb', { kind: 'gzip_bomb', bytes: GIB }, 'too_large'),
  of('bad_data', 'a huge body', { kind: 'huge', bytes: GIB }, 'too_large'),
  // 59
  of('bad_data', 'truncated', { kind: 'truncated' }, 'truncated'),
  of('bad_data', 'a length too short', { kind: 'wrong_length', claim: 'shorter' }, 'not JSON'),
  of('bad_data', 'cut JSON', { kind: 'invalid_json', form: 'cut' }, 'not JSON'),
  of('bad_data', 'HTML with 200', { kind: 'invalid_json', form: 'html' }, 'not JSON'),
  of('ok', 'a byte order mark', { kind: 'invalid_json', form: 'bom' }),
  of('bad_data', 'UTF-16', { kind: 'charset' }, 'not JSON'),
  of('bad_data', 'Latin-1', { kind: 'charset', encoding: 'latin1' }),
  of('ok', 'the type of HTML', { kind: 'content_type' }),
  of('bad_data', 'random bytes', { kind: 'garbage' }, 'not JSON'),
  of('bad_data', 'nested arrays', { kind: 'garbage', form: 'nested' }),
  of('bad_data', 'an empty body', { kind: 'garbage', form: 'empty' }, 'not JSON'),
  of('bad_data', 'null', { kind: 'garbage', form: 'null' }),
  // 60
  of('client', 'a redirect to itself', { kind: 'redirect' }, 'redirect'),
  of('client', 'to another origin', { kind: 'redirect', location: 'http://example.com/' }),
  of('client', 'to an inner address', { kind: 'redirect', location: 'http://169.254.169.254/' }),
  of('client', 'to a file', { kind: 'redirect', location: 'file:///nowhere', status: 307 }),
  // 61
  of('bad_data', 'an error with 200', { kind: 'error_body' }),
  of('bad_data', 'a field renamed', { kind: 'schema_drift', drift: 'rename' }),
  of('bad_data', 'a field retyped', { kind: 'schema_drift', drift: 'retype', field: 1 }),
  of('bad_data', 'a field gone', { kind: 'schema_drift', drift: 'drop', field: 6 }),
  of('bad_data', 'a field null', { kind: 'schema_drift', drift: 'null', field: 4 }),
  // Time and headers that lie
  of('ok', 'a clock an hour slow', { kind: 'clock_skew', ms: -3_600_000 }),
  of('ok', 'headers that make no sense', {
    kind: 'headers',
    set: { 'x-mbx-used-weight-1m': 'plenty', 'retry-after': 'never' },
  }),
];
