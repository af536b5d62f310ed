/**
 * The weight per minute that Binance itself states: read once a day, before anything else is asked. The
 * profile takes it from the answer (`exchangeInfo.rateLimits`) and the limiter holds to the smaller.
 */
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { DAY_MS } from '../kernel/time.js';
import { isOfSeries } from './blame.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';

/** No symbol can be called that: symbols are capitals. */
export const LIMITS_SERIES = 'exchange_info';

const cursorSchema = Type.Object({ read_at: Type.Integer({ minimum: 0 }) });

/** Only what is read of it: the rest of it is long and none of our business. */
const exchangeInfoSchema = Type.Object({
  rateLimits: Type.Array(
    Type.Object({
      rateLimitType: Type.String(),
      interval: Type.String(),
      intervalNum: Type.Integer({ minimum: 1 }),
      limit: Type.Integer({ minimum: 1 }),
    }),
    { maxItems: 100 },
  ),
});

/** Nothing of it is collected: its page holds no records, only when it was read. */
export async function* readLimits(context: SourceContext<unknown>, symbol: string): Pages {
  const stored = context.cursor(LIMITS_SERIES);
  const now = context.now();
  if (stored !== undefined && Value.Check(cursorSchema, stored)) {
    // A clock set back leaves a moment in the future: that is no reason never to ask again.
    if (stored.read_at <= now && now < stored.read_at + DAY_MS) return undefined;
  }
  const reply = await context.request('exchange_info', {
    path: '/api/v3/exchangeInfo',
    // Of one symbol: without it the answer has thousands.
    query: { symbol },
    schema: exchangeInfoSchema,
  });
  if (!reply.ok) {
    if (!isOfSeries(reply)) return reply;
    context.warn(`exchangeInfo could not be read (${reply.outcome}): the known limit holds`);
  }
  yield { series: LIMITS_SERIES, records: [], cursor: { read_at: now } };
  return undefined;
}
