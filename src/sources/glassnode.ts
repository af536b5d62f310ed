/**
 * The source `glassnode`: on-chain metrics, live and backfill. Paid.
 *
 * Each series (asset × metric) is kept from two sides (ranges.ts).
 *
 * G1 Only points whose period is over become records. One read again with another value is an update of
 *    its record: ids go by asset, metric, resolution and moment.
 * G2 A point that is missing between others, or lies a whole page back, is a gap. What is missing at the
 *    end may just not be published yet: the next run asks for it again.
 * G3 A run reads at most LIVE_PAGES_MAX and BACKFILL_PAGES_MAX pages of a series; the next goes on.
 */
import { Type, type Static } from '@sinclair/typebox';
import { MINUTE_MS } from '../kernel/time.js';
import { isOfSeries } from './blame.js';
import { readAssets } from './glassnode-assets.js';
import { METRIC_NAMES, RESOLUTION_MS, type Metric, type Resolution } from './glassnode-metrics.js';
import { pointSeries, type Series } from './glassnode-points.js';
import { readBackfill, readLive } from './glassnode-read.js';
import type { Pages } from './in-turn.js';
import type { RequestFailure, SourceContext, SourceDefinition } from './port.js';
import { glassnodeProfile } from './profiles/glassnode.js';
import { backfillFromOption, readBothSides } from './ranges.js';

/** Without a backfill a new series begins this many points back. */
export const FIRST_POINTS = 30;

const resolutions = Object.keys(RESOLUTION_MS) as readonly Resolution[];
const DEFAULT_METRICS: Metric[] = [
  'nvt',
  'mvrv',
  'net_unrealized_profit_loss',
  'exchange_net_flow',
  'exchange_inflow',
  'exchange_outflow',
  'active_addresses',
  'hash_rate',
  'price',
  'market_cap',
];

const options = Type.Object(
  {
    assets: Type.Array(Type.String({ pattern: '^[A-Z0-9$][A-Za-z0-9._-]{0,30}$' }), {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description: 'Assets as Glassnode spells them.',
      default: ['BTC'],
    }),
    metrics: Type.Array(Type.Union(METRIC_NAMES.map((metric) => Type.Literal(metric))), {
      minItems: 1,
      maxItems: METRIC_NAMES.length,
      uniqueItems: true,
      description: 'What is read of each asset: a call each.',
      default: DEFAULT_METRICS,
    }),
    resolution: Type.Union(
      resolutions.map((resolution) => Type.Literal(resolution)),
      { description: 'Length of the period a point is about.', default: '24h' },
    ),
    backfillFrom: Type.Optional(backfillFromOption),
    recheckPoints: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        default: 0,
        description: 'How many points back are read again each time: some metrics are revised.',
      }),
    ),
    assetDetails: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether the assets are described once a day.' }),
    ),
  },
  { additionalProperties: false },
);
export type GlassnodeOptions = Static<typeof options>;

export const glassnode: SourceDefinition<GlassnodeOptions> = {
  name: 'glassnode',
  type: 'onchain',
  description: 'On-chain metrics by Glassnode, live and backfill.',
  options,
  defaults: { assets: ['BTC'], metrics: DEFAULT_METRICS, resolution: '24h' },
  paid: true,
  intervalMs: 15 * MINUTE_MS,
  upstreams: { glassnode: glassnodeProfile },
  expectedEveryMs: ({ resolution }) => RESOLUTION_MS[resolution],
  collect,
};

type Context = SourceContext<GlassnodeOptions>;

async function* collect(context: Context): Pages {
  const { assets, metrics, resolution, backfillFrom, recheckPoints: recheck = 0 } = context.options;
  let first: RequestFailure | undefined;
  if (context.options.assetDetails === true) {
    first = yield* readAssets(context, assets);
    if (first !== undefined && !isOfSeries(first)) return first;
  }
  const failure = yield* readBothSides<Series, GlassnodeOptions>(context, {
    all: assets.flatMap((asset) => metrics.map((metric) => ({ asset, metric, resolution }))),
    rangeOf: (series) => ({
      name: pointSeries(series),
      length: RESOLUTION_MS[resolution],
      firstPoints: FIRST_POINTS,
      backfillFrom,
    }),
    live: (watched, series, start, moved) => readLive(watched, series, start, moved, recheck),
    backfill: readBackfill,
  });
  return failure !== undefined && !isOfSeries(failure) ? failure : (first ?? failure);
}
