/** Which problems an operation can come to: by where its door is, by what it is about, by what it does. */
import { isCommand } from '../operation.js';
import type { AnyOperation } from '../operation.js';
import { PROBLEMS } from '../problems.js';
import type { ProblemCode } from '../problems.js';
import { STATUSES } from '../rest/statuses.js';

type Rule = {
  readonly codes: readonly ProblemCode[];
  readonly holds: (operation: AnyOperation) => boolean;
};

const isAbout =
  (member: string) =>
  ({ input }: AnyOperation): boolean =>
    member in input.properties;

const isUnder =
  (part: RegExp) =>
  ({ rest }: AnyOperation): boolean =>
    part.test(rest.path);

const RULES: readonly Rule[] = [
  {
    codes: [
      'bad_request',
      'invalid_input',
      'host_refused',
      'origin_refused',
      'request_timeout',
      'too_many_requests',
      'headers_too_large',
      'internal',
      'overloaded',
      'stopping',
    ],
    holds: () => true,
  },
  {
    codes: ['unauthenticated', 'permission_denied', 'identity_unavailable'],
    holds: ({ anyone }) => anyone !== true,
  },
  {
    codes: ['invalid_json', 'payload_too_large', 'unsupported_media_type'],
    holds: ({ rest }) => rest.method !== 'GET',
  },
  {
    codes: ['collector_not_found', 'view_behind'],
    holds: (operation) => isAbout('name')(operation) || isAbout('collector')(operation),
  },
  { codes: ['token_not_found'], holds: isUnder(/^\/tokens\/\{/) },
  { codes: ['permit_not_found'], holds: isUnder(/^\/permits\/\{/) },
  { codes: ['records_unavailable'], holds: isUnder(/\/records$/) },
  { codes: ['not_ready'], holds: isUnder(/^\/readyz$/) },
  { codes: ['would_never_trip'], holds: isUnder(/\/circuit-breaker\/(config|simulate)$/) },
  { codes: ['journal_unavailable'], holds: ({ rest }) => !isFromMemory(rest.path) },
  {
    codes: [
      'header_not_supported',
      'illegal_state',
      'breaker_open',
      'rate_limited',
      'blocked',
      'not_running',
      'quarantined',
      'raced',
      'precondition_failed',
      'idempotency_conflict',
      'not_owner',
      'outcome_unknown',
    ],
    holds: isCommand,
  },
];

/** Questions that nothing but the process itself answers. */
function isFromMemory(path: string): boolean {
  return ['/', '/livez', '/readyz', '/openapi.json', '/docs'].includes(path);
}

export type ProblemsByStatus = readonly (readonly [number, readonly ProblemCode[]])[];

/** By status, smallest first; the codes in the order of the table of problems. */
export function problemsOf(operation: AnyOperation): ProblemsByStatus {
  const codes = new Set(RULES.flatMap((rule) => (rule.holds(operation) ? rule.codes : [])));
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    if (!codes.has(code)) continue;
    const status = STATUSES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return [...byStatus].sort(([a], [b]) => a - b);
}
