// Hourly prices of coins from CoinGecko's public API, one series per coin.
import { defineSource, observing, reading, judging, Type } from 'headgate';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** A run reads this many days of each coin at most; the next run goes on. */
const PAGES_MAX = 30;

// What a good answer looks like. Anything else is bad data, and nothing of it is stored.
const prices = Type.Object({
  prices: Type.Array(Type.Tuple([Type.Integer(), Type.Number({ minimum: 0 })])),
});

const provider = 'coingecko';

export const coinPrices = defineSource({
  name: 'coin_prices',
  type: 'market_data',
  description: 'Prices of coins in US dollars by CoinGecko.',
  intervalMs: 15 * 60_000,
  // Prices come by the hour, however often they are asked for.
  expectedEveryMs: () => HOUR_MS,
  options: Type.Object(
    {
      coins: Type.Array(Type.String({ pattern: '^[a-z0-9-]+$' }), {
        description: 'Coins by their CoinGecko id.',
        default: ['bitcoin'],
        maxItems: 50,
      }),
      since_days: Type.Integer({
        description: 'How far back a new coin begins.',
        minimum: 1,
        maximum: 365,
        default: 7,
      }),
    },
    { additionalProperties: false },
  ),

  upstreams: {
    coingecko: {
      provider,
      baseUrl: 'https://api.coingecko.com/api/v3',
      maxRequestsPerSecond: 0.5,
      buckets: [
        { name: 'minute', kind: 'fixed', limit: 30, windowMs: 60_000 },
        { name: 'month', kind: 'fixed', limit: 10_000, period: 'month', quota: true },
      ],
      weights: { market_chart: { minute: 1, month: 1 } },
      optionalKeys: ['COINGECKO_API_KEY'],
      headers: ({ COINGECKO_API_KEY: key }) => ({
        accept: 'application/json',
        ...(key === undefined ? {} : { 'x-cg-demo-api-key': key }),
      }),
      judge: judging({
        provider,
        observe: observing({
          bucket: 'minute',
          remaining: 'x-ratelimit-remaining',
          reset: { header: 'x-ratelimit-reset', unit: 'seconds_left' },
        }),
        refine: reading(provider, {
          status: [429],
          text: /monthly/i,
          outcome: 'quota_exhausted',
          says: 'the monthly calls are used up',
          bucket: 'month',
        }),
      }),
    },
  },

  async *collect(context) {
    for (const coin of context.options.coins) {
      const failure = yield* collectCoin(context, coin);
      if (failure !== undefined) return failure;
    }
    return undefined;
  },
});

/** Day after day, from where the coin's series stands until now. */
async function* collectCoin(context, coin) {
  const now = context.now();
  let next = context.cursor(coin)?.next ?? now - context.options.since_days * DAY_MS;
  for (let page = 0; page < PAGES_MAX && next < now; page += 1) {
    const from = next;
    const to = Math.min(from + DAY_MS, now);
    const reply = await context.request('market_chart', {
      path: `/coins/${encodeURIComponent(coin)}/market_chart/range`,
      query: { vs_currency: 'usd', from: Math.floor(from / 1000), to: Math.floor(to / 1000) },
      schema: prices,
    });
    if (!reply.ok) return reply;

    // What a page before brought may come again at its edge.
    const rows = reply.body.prices.filter(([at]) => at >= from);
    const last = rows.at(-1);
    // An empty last hour is not over yet: it is asked for again. An empty day of the past is.
    next = last !== undefined ? last[0] + 1 : Math.max(from, to - HOUR_MS);
    if (rows.length > 0 || next > from) {
      yield {
        series: coin,
        records: rows.map(([at, price]) => ({
          id: `${coin}/${at}`,
          kind: 'coin_price',
          series: coin,
          at,
          data: { coin, price_usd: price },
        })),
        cursor: { next },
      };
    }
    if (to === now) break;
  }
  return undefined;
}
