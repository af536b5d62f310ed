/** Glassnode and LunarCrush under the public kit: everything a source promises the service, tried. */
import { it } from 'vitest';
import { glassnode, type GlassnodeOptions } from '../../src/sources/glassnode.js';
import { lunarcrush, type LunarcrushOptions } from '../../src/sources/lunarcrush.js';
import type { SourceDefinition } from '../../src/sources/port.js';
import { assertSource, type Upstream } from '../../src/testing/index.js';

const now = Date.UTC(2026, 0, 15, 12, 30);
const HOUR_S = 3600;
const KIT_MS = 120_000;

/** What the service itself does with the catalogue: each source checks its own options. */
const any = (source: unknown): SourceDefinition => source as SourceDefinition;

it('glassnode keeps its promises', { timeout: KIT_MS }, async () => {
  const points: Upstream = ({ path, query }) => {
    if (!path.startsWith('/v1/metrics/')) return undefined;
    const [from, to] = [Number(query.get('s')), Math.min(Number(query.get('u')), now / 1000)];
    const rows = [];
    for (let t = from; t + HOUR_S <= to; t += HOUR_S) rows.push({ t, v: t % 977 });
    return { body: rows };
  };
  const options: GlassnodeOptions = {
    assets: ['BTC'],
    metrics: ['mvrv', 'price'],
    resolution: '1h',
    backfillFrom: 60,
  };
  await assertSource(any(glassnode), {
    recordings: 'test/recordings/glassnode',
    upstream: points,
    options,
    now,
    expected: { cli_401_invalid_key: 'auth', doc_429: 'throttled' },
  });
});

it('lunarcrush keeps its promises', { timeout: KIT_MS }, async () => {
  const start = now / 1000 - 6 * HOUR_S;
  const upstream: Upstream = ({ query }) => {
    const n = (name: string): number => Number(query.get(name));
    const symbol = query.get('symbol') ?? 'market';
    const page = <T>(rows: readonly T[]): readonly T[] =>
      rows.slice(n('page') * n('limit'), (n('page') + 1) * n('limit'));
    if (query.get('data') === 'feeds') {
      const posts = Array.from({ length: 250 }, (_, at) => ({
        id: `${symbol}-${String(at)}`,
        type: 'news',
        time: Math.floor(start + 60 * at),
        title: `title ${String(at)}`,
      }));
      const inside = posts.filter(({ time }) => time >= n('start') && time <= n('end'));
      return { body: { data: page(inside) } };
    }
    if (query.get('data') === 'influencers') {
      const people = Array.from({ length: 130 }, (_, who) => ({
        twitter_screen_name: `who${String(who)}`,
        followers: who,
      }));
      return { body: { data: page(people) } };
    }
    const timeSeries = Array.from({ length: n('data_points') }, (_, at) => ({
      time: n('start') + at * HOUR_S,
      tweets: at,
    })).filter(({ time }) => time <= now / 1000);
    const time = Math.floor(now / 1000 / HOUR_S) * HOUR_S;
    return { body: { data: [{ symbol, time, price: 5, timeSeries }] } };
  };
  const options: LunarcrushOptions = {
    symbols: ['BTC'],
    endpoints: ['assets', 'feeds', 'influencers'],
    bucket: 'hour',
    historyHours: 8,
  };
  await assertSource(any(lunarcrush), {
    recordings: 'test/recordings/lunarcrush',
    upstream,
    options,
    now,
    expected: { v4_doc_rate_limited_daily: 'quota_exhausted' },
  });
});
