/** A case for every question of the table that both edges answer, and why the others are REST's alone. */
import type { Input } from './parity-requests.js';

/** What the service being asked has, for questions that name it. */
export type Known = { readonly etag: string; readonly at: string; readonly position: number };

export type QuestionCase = {
  readonly operation: string;
  readonly good: readonly ((known: Known) => Input)[];
  readonly refused?: readonly { readonly input: Input; readonly code: string }[];
};

const always =
  (input: Input): ((known: Known) => Input) =>
  () =>
    input;

const moralis = { name: 'moralis' };
const nowhere = { input: { ...moralis, upstream: 'nowhere' }, code: 'invalid_input' };
const noToken = { input: { page_token: 'never' }, code: 'invalid_input' };

/** Rows that gRPC says in its own words, or not at all. */
export const REST_ONLY: Readonly<Record<string, string>> = {
  listHealth: 'ListCollectors has the health of each',
  getLiveness: 'grpc.health.v1',
  getReadiness: 'grpc.health.v1',
  getDirectory: 'reflection',
  getAuditHead: 'a seal is fetched by whoever keeps it elsewhere, with curl',
  listCollectorEvents: 'ListEvents has the field collector',
  getOpenApi: 'reflection',
  getDocs: 'a page is for browsers',
};

export const QUESTION_CASES: readonly QuestionCase[] = [
  {
    operation: 'listCollectors',
    good: [
      {},
      { state: 'idle' },
      { state: 'disabled' },
      { type: 'onchain', status: 'healthy' },
      { q: 'OR', page_size: 1 },
    ].map(always),
    refused: [noToken],
  },
  { operation: 'listCollectorTypes', good: [always({})] },
  { operation: 'getCosts', good: [always({})] },
  {
    operation: 'getCollector',
    good: [
      always(moralis),
      always({ name: 'historical' }),
      ({ etag }) => ({ ...moralis, min_revision: etag }),
      ({ at }) => ({ ...moralis, at }),
    ],
    refused: [
      { input: { ...moralis, min_revision: 'newest' }, code: 'invalid_input' },
      { input: { ...moralis, at: '2999-01-01T00:00:00.000Z' }, code: 'invalid_input' },
      { input: { ...moralis, at: '2001-01-01T00:00:00.000Z' }, code: 'collector_not_found' },
    ],
  },
  {
    operation: 'listRecords',
    good: [
      { ...moralis, limit: 5 },
      { name: 'historical', after: 3, limit: 2 },
    ].map(always),
  },
  { operation: 'getService', good: [always({})] },
  { operation: 'getHealth', good: [moralis, { ...moralis, hours: 0.5, limit: 3 }].map(always) },
  { operation: 'getCircuitBreakerConfig', good: [always(moralis)], refused: [nowhere] },
  { operation: 'getCursor', good: [moralis, { name: 'historical' }].map(always) },
  {
    operation: 'listAudit',
    good: [
      {},
      { collector: 'moralis', page_size: 1 },
      { actor: 'local', outcome: 'failed' },
      { operation: 'setCircuitBreakerState', outcome: 'success' },
    ].map(always),
    refused: [noToken],
  },
  { operation: 'listTokens', good: [always({})] },
  {
    operation: 'listEvents',
    good: [
      { limit: 20 },
      { last: 5 },
      { collector: 'moralis', categories: ['breaker', 'collector'], after_position: 3, limit: 10 },
      { types: ['BreakerForced', 'CommandAnswered'], interface: 'rest' },
    ].map(always),
    refused: [
      { input: { collector: 'nobody' }, code: 'collector_not_found' },
      { input: { last: 3, limit: 3 }, code: 'invalid_input' },
    ],
  },
  {
    operation: 'listBreakerHistory',
    good: [
      moralis,
      { ...moralis, page_size: 1 },
      { ...moralis, from: '2001-01-01T00:00:00.000Z' },
    ].map(always),
    refused: [nowhere, { input: { ...moralis, page_token: 'x' }, code: 'invalid_input' }],
  },
  {
    operation: 'simulateBreaker',
    good: [moralis, { ...moralis, config: { failure_threshold: 2, open_ms: 5000 } }].map(always),
    refused: [
      nowhere,
      { input: { ...moralis, config: { open_multiplier: 0.5 } }, code: 'invalid_input' },
      {
        input: {
          ...moralis,
          config: { failure_threshold: 0, minimum_calls: 10_000, window_ms: 1000 },
        },
        code: 'would_never_trip',
      },
    ],
  },
  {
    operation: 'getStateAt',
    good: [({ at }) => ({ ...moralis, at }), ({ position }) => ({ ...moralis, position })],
    refused: [
      { input: moralis, code: 'invalid_input' },
      { input: { ...moralis, position: 2_000_000_000 }, code: 'invalid_input' },
    ],
  },
  { operation: 'verifyJournal', good: [always({})] },
];
