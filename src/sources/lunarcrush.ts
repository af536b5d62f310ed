/**
 * The source `lunarcrush`: social metrics of assets and of the market, posts, influencers. Paid.
 *
 * It speaks v2 (`?data=…`): what was recorded, and what has all four endpoints; v4 has no feeds.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import { feedSeries, readFeed } from './lunarcrush-feeds.js';
import { BUCKET_MS, POINTS_PER_PAGE, subjectSeries, type Bucket } from './lunarcrush-figures.js';
import { influencerSeries, readInfluencers } from './lunarcrush-influencers.js';
import { readSeries } from './lunarcrush-series.js';
import { readInTurn, type Pages, type Reader } from './in-turn.js';
import type { SourceContext, SourceDefinition } from './port.js';
import { lunarcrushProfile } from './profiles/lunarcrush.js';

const ENDPOINTS = ['assets', 'global', 'feeds', 'influencers'] as const;
type Endpoint = (typeof ENDPOINTS)[number];
const buckets = Object.keys(BUCKET_MS) as readonly Bucket[];

export const HISTORY_POINTS = 24;
export const HISTORY_HOURS = 24;

const options = Type.Object(
  {
    symbols: Type.Array(Type.String({ pattern: '^[A-Z0-9$][A-Z0-9._-]{0,19}$' }), {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description: 'Symbols of assets, upper case.',
      default: ['BTC', 'ETH'],
    }),
    endpoints: Type.Array(Type.Union(ENDPOINTS.map((endpoint) => Type.Literal(endpoint))), {
      minItems: 1,
      maxItems: ENDPOINTS.length,
      uniqueItems: true,
      description: 'What is read: a call each, per symbol but for `global`.',
      default: [...ENDPOINTS],
    }),
    bucket: Type.Union(
      buckets.map((bucket) => Type.Literal(bucket)),
      { description: 'Length of the buckets that metrics come in.', default: 'hour' },
    ),
    historyPoints: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 5 * POINTS_PER_PAGE,
        default: HISTORY_POINTS,
        description: 'How many buckets of the past a new series of metrics reads.',
      }),
    ),
    historyHours: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 24 * 30,
        default: HISTORY_HOURS,
        description: 'How far back the posts of a new symbol are read.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type LunarcrushOptions = Static<typeof options>;

export const lunarcrush: SourceDefinition<LunarcrushOptions> = {
  name: 'lunarcrush',
  type: 'social',
  description: 'Social metrics, posts and influencers by LunarCrush.',
  options,
  defaults: { symbols: ['BTC', 'ETH'], endpoints: [...ENDPOINTS], bucket: 'hour' },
  paid: true,
  intervalMs: 15 * MINUTE_MS,
  upstreams: { lunarcrush: lunarcrushProfile },
  // The running bucket's figures change all the time; who has influence is told once a day.
  expectedEveryMs: ({ endpoints }) =>
    endpoints.every((endpoint) => endpoint === 'influencers') ? DAY_MS : HOUR_MS,
  collect,
};

async function* collect(context: SourceContext<LunarcrushOptions>): Pages {
  return yield* readInTurn(context, 'all', readers(context.options));
}

type Series = Reader<LunarcrushOptions>;

function readers(options: LunarcrushOptions): readonly Series[] {
  const { symbols, endpoints, bucket } = options;
  const { historyPoints = HISTORY_POINTS, historyHours = HISTORY_HOURS } = options;
  const figures = (symbol: string | undefined): Series => ({
    name: subjectSeries({ symbol, bucket }),
    read: (context) => readSeries(context, { symbol, bucket }, historyPoints),
  });
  const of: Readonly<Record<Endpoint, readonly Series[]>> = {
    assets: symbols.map(figures),
    global: [figures(undefined)],
    feeds: symbols.map((symbol) => ({
      name: feedSeries(symbol),
      read: (context) => readFeed(context, symbol, historyHours),
    })),
    influencers: symbols.map((symbol) => ({
      name: influencerSeries(symbol),
      read: (context) => readInfluencers(context, symbol),
    })),
  };
  return ENDPOINTS.filter((name) => endpoints.includes(name)).flatMap((name) => of[name]);
}
