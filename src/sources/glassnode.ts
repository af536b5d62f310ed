/**
 * The source `glassnode`: on-chain metrics, live and backfill. Paid.
 *
 * Each series (asset × metric) is kept from two sides, as in historical.ts: first every series is brought
 * up to now, then a bounded piece of each backfill is read.
 *
 * G1 Only points whose period is over become records. One read again with another value is an update of
 *    its record: ids go by asset, metric, resolution and moment.
 * G2 The cursor says which points of a series are done: all from `from` to before `next`, less the range
 *    still owed in `backfill`.
 * G3 A point that is missing between others, or lies a whole page back, is a gap. What is missing at the
 *    end may just not be published yet: the next run asks for it again.
 * G4 A run reads at most LIVE_PAGES_MAX and BACKFILL_PAGES_MAX pages of a series; the next goes on.
 * G5 What is wrong with one series (a metric that an asset lacks, points that cannot be) does not hold up
 *    the others; what is wrong with the upstream ends the run, and the next begins where it was cut.
 */
import { Type, type Static } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { DAY_MS, MINUTE_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { readAssets } from './glassnode-assets.js';
import { METRIC_NAMES, RESOLUTION_MS, type Metric, type Resolution } from './glassnode-metrics.js';
import { pointSeries, type Series } from './glassnode-points.js';
import { readBackfill, readLive, type PointCursor } from './glassnode-read.js';
import type { RequestFailure, SourceContext, SourceDefinition, SourcePage } from './port.js';
import { glassnodeProfile } from './profiles/glassnode.js';
import { counted, nextTurn, rotated } from './rotation.js';

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
    backfillFrom: Type.Optional(
      Type.Union(
        [
          Type.String({
            pattern:
              '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?Z)?$',
          }),
          Type.Integer({ minimum: 1, maximum: 10_000 }),
        ],
        { description: 'How far back to read: an ISO date in UTC, or a number of days.' },
      ),
    ),
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

const moment = Type.Integer({ minimum: 0 });
const cursorSchema = Type.Object({
  next: moment,
  from: Type.Optional(moment),
  backfill: Type.Optional(Type.Object({ next: moment, to: moment })),
});
/** G2. An operator may set `{next}` alone: `from` is the same then. */
type StoredCursor = Static<typeof cursorSchema>;

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
type Pages = AsyncGenerator<SourcePage, RequestFailure | undefined>;

async function* collect(context: Context): Pages {
  const { assets, metrics, resolution, recheckPoints: recheck = 0 } = context.options;
  let first: RequestFailure | undefined;
  if (context.options.assetDetails === true) {
    const failure = yield* readAssets(context, assets);
    if (failure !== undefined && !isOfSeries(failure)) return failure;
    first = failure;
  }
  const cursors = new Map<Series, PointCursor>();
  for (const asset of assets) {
    for (const metric of metrics) {
      const series = { asset, metric, resolution };
      cursors.set(series, startOf(context, series));
    }
  }
  for (const [lane, read] of [
    ['live', readLive],
    ['backfill', readBackfill],
  ] as const) {
    const turns = rotated([...cursors.keys()], pointSeries, context, lane);
    for (const series of turns) {
      const cursor = cursors.get(series) ?? startOf(context, series);
      const moved = (to: PointCursor): unknown => cursors.set(series, to);
      const { failure, pages } = yield* counted(read(context, series, cursor, moved, recheck));
      if (failure === undefined) continue;
      if (!isOfSeries(failure)) {
        const at = pointSeries(series);
        yield* nextTurn(turns.map(pointSeries), lane, { at, hadTurn: pages > 0, failure });
        return failure;
      }
      cursors.delete(series); // G5
      first ??= failure;
    }
  }
  return first;
}

function isOfSeries(failure: RequestFailure): boolean {
  return failure.outcome === 'client' || failure.outcome === 'bad_data';
}

/** Where a series stands, with a backfill added when the options reach further back than it does. */
function startOf(context: Context, series: Series): PointCursor {
  const length = RESOLUTION_MS[series.resolution];
  const name = pointSeries(series);
  const stored = context.cursor(name);
  const now = context.now();
  const wanted = backfillStart(context.options.backfillFrom, now, length);
  if (stored !== undefined && Value.Check(cursorSchema, stored) && holds(stored, length)) {
    const { from = stored.next } = stored;
    const goesBack = wanted !== undefined && wanted < from && stored.backfill === undefined;
    if (!goesBack) return { ...stored, from };
    return { ...stored, from: wanted, backfill: { next: wanted, to: from } };
  }
  if (stored !== undefined)
    context.log.warn('a cursor that cannot be is ignored', { series: name });
  const next = Math.max(0, floorTo(now, length) - FIRST_POINTS * length);
  if (wanted === undefined || wanted >= next) return { next, from: next };
  return { next, from: wanted, backfill: { next: wanted, to: next } };
}

function holds({ next, from = next, backfill }: StoredCursor, length: number): boolean {
  const { next: owed, to } = backfill ?? { next: from, to: from };
  const onGrid = [next, from, owed, to].every((at) => at % length === 0);
  return onGrid && from <= owed && owed <= to && to <= next;
}

function backfillStart(
  from: GlassnodeOptions['backfillFrom'],
  now: EpochMs,
  length: number,
): EpochMs | undefined {
  if (from === undefined) return undefined;
  const at = typeof from === 'number' ? floorTo(now, DAY_MS) - from * DAY_MS : Date.parse(from);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil(at / length) * length);
}

function floorTo(at: EpochMs, length: number): EpochMs {
  return Math.floor(at / length) * length;
}
