/** A small source with paging that keeps every promise, and its upstream; tests break it on purpose. */
import { defineSource, judging, Type } from '../../src/public.js';
import type {
  ProfileDraft,
  SourceContext,
  SourceDefinition,
  SourcePage,
} from '../../src/public.js';
import type { RequestFailure } from '../../src/sources/port.js';
import type { Upstream } from '../../src/testing/index.js';

export const ROWS = [1, 2, 3, 4, 5].map((n) => ({ n, at: Date.UTC(2025, 11, n), price: n * 10 }));
export type Row = (typeof ROWS)[number];
export type Context = SourceContext<{ readonly coin: string }>;
export type Collect = (context: Context) => AsyncGenerator<SourcePage, RequestFailure | undefined>;

const row = Type.Object({ n: Type.Integer(), at: Type.Integer(), price: Type.Number() });
export const schema = Type.Object({ rows: Type.Array(row) });

/** At most two rows after `after`. */
export const pricesUpstream: Upstream = ({ path, query, headers }) => {
  if (path !== '/v1/prices' || headers['x-key'] === undefined) return undefined;
  const after = Number(query.get('after'));
  return { body: { rows: ROWS.filter(({ n }) => n > after).slice(0, 2) } };
};

export const record = ({ n, at, price }: Row) => ({
  id: `btc/${String(n)}`,
  kind: 'price',
  series: 'btc',
  at,
  data: { price },
});

export const collect: Collect = async function* (context) {
  for (let page = 0; page < 100; page += 1) {
    const after = Number(context.cursor('btc') ?? 0);
    const reply = await context.request('prices', { path: '/prices', query: { after }, schema });
    if (!reply.ok) return reply;
    const { rows } = reply.body;
    const last = rows.at(-1);
    if (last === undefined) return undefined;
    yield { series: 'btc', records: rows.map(record), cursor: last.n };
  }
  return undefined;
};

export const profile: ProfileDraft = {
  provider: 'acme',
  baseUrl: 'https://api.acme.example/v1',
  maxRequestsPerSecond: 5,
  weights: { prices: {} },
  keys: ['ACME_KEY'],
  headers: ({ ACME_KEY: key = '' }) => ({ accept: 'application/json', 'x-key': key }),
  judge: judging({ provider: 'acme' }),
};

export function pricesSource(
  broken: Collect = collect,
  changes: Partial<ProfileDraft> = {},
): SourceDefinition {
  return defineSource({
    name: 'prices',
    type: 'market_data',
    description: 'Prices of a coin.',
    options: Type.Object({ coin: Type.String({ default: 'btc' }) }),
    intervalMs: 60_000,
    upstreams: { main: { ...profile, ...changes } },
    collect: broken,
  });
}
