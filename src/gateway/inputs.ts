/** The inputs of the operations: every member with its bounds. What is not named here is refused. */
import { Type } from '@sinclair/typebox';

/** Never names of collectors: they are, or will be, routes beside `{name}`. */
export const RESERVED_NAMES: readonly string[] = ['costs', 'events', 'health', 'batch'];

export const NAME_CHARS_MAX = 128;
export const REASON_CHARS_MAX = 500;
export const PAGE_SIZE_MAX = 1_000;
export const RECORDS_MAX = 1_000;
export const CHECKS_MAX = 1_000;
export const HEALTH_HOURS_MAX = 24 * 366;
/** Ten years: longer is a wish for "held until cleared", which is said by leaving it out. */
export const TTL_SECONDS_MAX = 315_360_000;
/** One call in eleven days to a million a second: outside, a typing mistake is likelier than a wish. */
export const RATE_MIN = 0.000_001;
export const RATE_MAX = 1_000_000;
export const BACKOFF_MULTIPLIER_MAX = 100;
export const BACKOFF_MAX = 10_000;

export const words = <const W extends readonly string[]>(list: W) =>
  Type.Union(list.map((word) => Type.Literal(word as W[number])));

/**
 * `description` and `examples` are published; `x-format` and `x-pattern` too, as rules that handlers check
 * themselves; `x-reference` says of a value that only the service knows which are right.
 */
export const name = Type.String({
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  description: 'The collector.',
  examples: ['moralis'],
});
export const reason = Type.Optional(
  Type.String({
    maxLength: REASON_CHARS_MAX,
    description: 'Why, for those who read the trail.',
    examples: ['plan was upgraded'],
  }),
);
const ttlSeconds = Type.Optional(
  Type.Number({
    minimum: 0.001,
    maximum: TTL_SECONDS_MAX,
    description: 'Seconds until it ends by itself; absent: not by itself.',
    examples: [3600],
  }),
);
export const upstream = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: NAME_CHARS_MAX,
    description: 'One of the collector’s upstreams; absent: see the operation.',
    'x-reference': 'an upstream of the collector',
  }),
);
/** ISO 8601 with an offset; read by `momentOf`. */
export const moment = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 40,
    'x-format': 'date-time',
    description: 'A past moment: ISO 8601 with an offset (+ is written %2B in a query).',
    examples: ['2026-11-23T15:26:32Z'],
  }),
);

/** What `state` filters by: any of the three regions of the collector's chart. */
export const STATES = [
  'enabled',
  'disabled',
  'suspended',
  'stopped',
  'starting',
  'idle',
  'collecting',
  'waiting',
  'draining',
  'restarting',
  'quarantined',
] as const;
export const TYPES = ['onchain', 'social', 'market_data', 'sentiment'] as const;
export const STATUSES = ['healthy', 'degraded', 'failed', 'circuit_open', 'disabled'] as const;
/** As REST spells them. */
export const BREAKER_STATES = ['open', 'closed', 'half-open', 'metrics_only', 'disabled'] as const;

export const nothing = Type.Object({}, { additionalProperties: false });

export const listInput = Type.Object(
  {
    state: Type.Optional(words(STATES)),
    type: Type.Optional(words(TYPES)),
    status: Type.Optional(words(STATUSES)),
    q: Type.Optional(
      Type.String({
        maxLength: NAME_CHARS_MAX,
        description: 'Part of its name, whatever the case.',
      }),
    ),
    page_size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_SIZE_MAX,
        default: PAGE_SIZE_MAX,
        description: 'Collectors on a page.',
      }),
    ),
    page_token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2 * NAME_CHARS_MAX,
        description: '`next_page_token` of the page before; absent: the first page.',
        'x-reference': 'a token of ours',
      }),
    ),
  },
  { additionalProperties: false },
);

export const getInput = Type.Object(
  {
    name,
    at: moment,
    min_revision: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        'x-pattern': '^\\d{1,16}\\.\\d{1,16}\\.\\d{1,16}$',
        'x-reference': 'the etag of an answer; not together with at',
        description: 'The etag of an answer: waits until the read models show at least that.',
        examples: ['3.1.0'],
      }),
    ),
  },
  { additionalProperties: false },
);

export const steerInput = Type.Object(
  { name, reason, ttl_seconds: ttlSeconds },
  { additionalProperties: false },
);

/** Not for a time: a restart ends by itself. */
export const restartInput = Type.Object({ name, reason }, { additionalProperties: false });

export const collectInput = Type.Object({ name, reason }, { additionalProperties: false });

export const unblockInput = Type.Object(
  {
    name,
    bucket: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: NAME_CHARS_MAX,
        description: 'The quota that is blocked; absent: all that are.',
        'x-reference': 'a bucket of the collector',
      }),
    ),
    reason,
  },
  { additionalProperties: false },
);

export const rateLimitInput = Type.Object(
  {
    name,
    reason,
    max_requests_per_second: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        minimum: RATE_MIN,
        maximum: RATE_MAX,
        description: 'Requests per second; absent: as it is.',
        examples: [3],
      }),
    ),
    backoff_multiplier: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: BACKOFF_MULTIPLIER_MAX,
        description: 'What a refusal for too many calls divides the rate by; absent: as it is.',
      }),
    ),
    max_backoff: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: BACKOFF_MAX,
        description: 'The rate is never divided by more than this; absent: as it is.',
      }),
    ),
  },
  {
    additionalProperties: false,
    'x-at-least-one': ['max_requests_per_second', 'backoff_multiplier', 'max_backoff'],
  },
);

export const resetInput = Type.Object({ name, upstream, reason }, { additionalProperties: false });

export const breakerStateInput = Type.Object(
  { name, upstream, state: words(BREAKER_STATES), reason, ttl_seconds: ttlSeconds },
  { additionalProperties: false },
);

export const healthInput = Type.Object(
  {
    name,
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: CHECKS_MAX, default: 100, description: 'Checks.' }),
    ),
    hours: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: HEALTH_HOURS_MAX,
        default: 24,
        description: 'How far back, in hours.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const recordsInput = Type.Object(
  {
    name,
    since: moment,
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Only records with a greater sequence, oldest first: `next_after` goes on.',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: RECORDS_MAX, default: 100, description: 'Records.' }),
    ),
  },
  { additionalProperties: false },
);

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Epoch ms of an ISO 8601 moment with an offset, or undefined when it is none. */
export function momentOf(text: string): number | undefined {
  if (!MOMENT.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
