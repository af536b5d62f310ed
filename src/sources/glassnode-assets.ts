/** What Glassnode knows about the configured assets: read once a day, from its metadata bucket. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';

export const ASSETS_SERIES = 'assets';
/** Thousands of tokens are listed. */
const ASSETS_MAX = 50_000;

const word = Type.String({ maxLength: 200 });
const words = Type.Optional(Type.Array(word, { maxItems: 200 }));
const assetRow = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  symbol: Type.String({ minLength: 1, maxLength: 100 }),
  name: word,
  asset_type: Type.Optional(word),
  categories: words,
  semantic_tags: words,
});
type AssetRow = Static<typeof assetRow>;
export const assetsSchema = Type.Object({
  data: Type.Array(assetRow, { maxItems: ASSETS_MAX }),
});

const cursorSchema = Type.Object({ day: Type.Integer({ minimum: 0 }) });

/** One record per configured asset, replaced when what is told of it changes. */
export async function* readAssets(
  context: SourceContext<unknown>,
  wanted: readonly string[],
): Pages {
  const day = Math.floor(context.now() / DAY_MS);
  // A clock set back leaves a day in the future: that is no reason never to ask again.
  if (storedCursor(context, ASSETS_SERIES, cursorSchema)?.day === day) return undefined;
  const reply = await context.request('assets', {
    path: '/metadata/assets',
    schema: assetsSchema,
    check: ({ data }) =>
      new Set(data.map(({ id }) => id)).size < data.length ? 'an asset comes twice' : undefined,
  });
  if (!reply.ok) return reply;
  const known = new Map(reply.body.data.map((row) => [row.id, row]));
  const lost = wanted.filter((asset) => !known.has(asset));
  if (lost.length > 0) context.warn(`glassnode knows no ${lost.slice(0, 10).join(', ')}`);
  const records = wanted.flatMap((asset) => {
    const row = known.get(asset);
    return row === undefined ? [] : [assetRecord(row, day * DAY_MS)];
  });
  yield { series: ASSETS_SERIES, records, cursor: { day } };
  return undefined;
}

function assetRecord(row: AssetRow, at: EpochMs): CollectedRecord {
  return {
    id: `onchain_asset:${row.id}`,
    kind: 'onchain_asset',
    series: ASSETS_SERIES,
    at,
    data: {
      asset: row.id,
      symbol: row.symbol,
      name: row.name,
      ...(row.asset_type === undefined ? {} : { asset_type: row.asset_type }),
      ...(row.categories === undefined ? {} : { categories: row.categories }),
      ...(row.semantic_tags === undefined ? {} : { tags: row.semantic_tags }),
    },
  };
}
