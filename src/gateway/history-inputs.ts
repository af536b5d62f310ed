/** The inputs of the operations that ask about what happened. */
import { Type } from '@sinclair/typebox';
import { NAME_CHARS_MAX, moment, name, upstream } from './inputs.js';

export { moment, name, upstream };

export const EVENTS_MAX = 1_000;
export const TRANSITIONS_MAX = 1_000;
const WORDS_MAX = 50;

export const index = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
/** In a query: one text, the words parted by commas. */
const words = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX }), {
    minItems: 1,
    maxItems: WORDS_MAX,
  }),
);
/** As events spell them. */
const doors = Type.Optional(
  Type.Union((['rest', 'grpc', 'cli', 'ui', 'system'] as const).map((door) => Type.Literal(door))),
);

/** What both the page and the stream of events filter by. */
const asked = { categories: words, types: words, interface: doors };
const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: EVENTS_MAX }));

const paged = {
  ...asked,
  after_position: index,
  before_position: index,
  last: Type.Optional(Type.Integer({ minimum: 1, maximum: EVENTS_MAX })),
  limit,
};

export const listEventsInput = Type.Object(
  { collector: Type.Optional(name), ...paged },
  { additionalProperties: false },
);

export const collectorEventsInput = Type.Object(
  { name, ...paged },
  { additionalProperties: false },
);

export const readEventsInput = Type.Object(
  {
    collector: Type.Optional(name),
    ...asked,
    after_position: index,
    follow: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const readCollectorEventsInput = Type.Object(
  { name, ...asked, after_position: index, follow: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);

export const subscribeRecordsInput = Type.Object(
  { name, after: index, follow: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);

export const replayInput = Type.Object(
  { name, upstream, from: moment, to: moment, after_revision: index },
  { additionalProperties: false },
);

export const breakerHistoryInput = Type.Object(
  {
    name,
    upstream,
    from: moment,
    to: moment,
    page_size: Type.Optional(Type.Integer({ minimum: 1, maximum: TRANSITIONS_MAX })),
    page_token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 40,
        description: '`next_page_token` of the page before; absent: the first page.',
        'x-reference': 'a token of ours',
      }),
    ),
  },
  { additionalProperties: false },
);

export const stateAtInput = Type.Object(
  { name, at: moment, position: index },
  { additionalProperties: false },
);
