// Daily reference rates of currencies from Frankfurter's public API (European Central Bank).
import { defineSource, judging, reading, Type } from 'headgate';

const DAY_MS = 86_400_000;
const provider = 'frankfurter';
const text = (at) => new Date(at).toISOString().slice(0, 10);

const answer = Type.Object({
  base: Type.String({ pattern: '^[A-Z]{3}$' }),
  rates: Type.Record(
    Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
    Type.Record(Type.String({ pattern: '^[A-Z]{3}$' }), Type.Number({ exclusiveMinimum: 0 })),
  ),
});

export default defineSource({
  name: 'exchange_rates',
  type: 'market_data',
  description: 'Daily reference rates of the European Central Bank by Frankfurter.',
  intervalMs: 6 * 3_600_000,
  // No rates at weekends and on holidays.
  expectedEveryMs: () => 2 * DAY_MS,
  options: Type.Object(
    {
      base: Type.String({ pattern: '^[A-Z]{3}$', default: 'EUR', description: 'Base currency.' }),
      since: Type.String({
        pattern: '^\\d{4}-\\d{2}-\\d{2}$',
        default: '2025-12-01',
        description: 'First day to read.',
      }),
    },
    { additionalProperties: false },
  ),
  upstreams: {
    frankfurter: {
      provider,
      baseUrl: 'https://api.frankfurter.dev/v1',
      maxRequestsPerSecond: 1,
      buckets: [{ name: 'hour', kind: 'rolling', limit: 300, windowMs: 3_600_000, burst: 5 }],
      weights: { series: { hour: 1 } },
      judge: judging({
        provider,
        refine: reading(provider, {
          status: [403],
          text: /rate limit/i,
          outcome: 'throttled',
          says: 'too many requests',
          lastsMs: 60_000,
        }),
      }),
    },
  },
  async *collect(context) {
    const { base, since } = context.options;
    const today = Math.floor(context.now() / DAY_MS) * DAY_MS;
    let next = context.cursor(base)?.next ?? Date.parse(since);
    while (next <= today) {
      const last = Math.min(next + 13 * DAY_MS, today);
      const reply = await context.request('series', {
        path: `/${text(next)}..${text(last)}`,
        query: { base },
        schema: answer,
        check: (body) => (body.base === base ? undefined : 'another base than asked for'),
      });
      if (!reply.ok) return reply;
      const from = next;
      const days = Object.entries(reply.body.rates)
        .map(([day, rates]) => ({ day, rates, at: Date.parse(day) }))
        .filter(({ at }) => at >= from && at <= last)
        .sort((a, b) => a.at - b.at);
      // Today's rates may still come; every other day without any never will.
      const newest = days.at(-1)?.at ?? from - DAY_MS;
      next = last === today ? newest + DAY_MS : last + DAY_MS;
      if (next > from) {
        yield {
          series: base,
          records: days.map(({ day, rates, at }) => ({
            id: `${base}/${day}`,
            kind: 'exchange_rates',
            series: base,
            at,
            data: { base, rates },
          })),
          cursor: { next },
        };
      }
      if (last === today) return undefined;
    }
    return undefined;
  },
});
