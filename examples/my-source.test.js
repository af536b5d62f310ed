// node --test examples/my-source.test.js
import { test } from 'node:test';
import { assertSource } from 'headgate/testing';
import { coinPrices } from './my-source.js';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 5, 12, 30);

/** One price an hour, as the real one gives them: everything between `from` and `to`. */
function upstream({ path, query }) {
  if (!path.startsWith('/api/v3/coins/bitcoin/')) return undefined;
  const [from, to] = [Number(query.get('from')) * 1000, Number(query.get('to')) * 1000];
  const prices = [];
  for (let at = Math.ceil(from / HOUR_MS) * HOUR_MS; at <= to; at += HOUR_MS) {
    prices.push([at, 90_000 + ((at / HOUR_MS) % 100)]);
  }
  return { body: { prices } };
}

test('coin_prices keeps what a source promises', () =>
  assertSource(coinPrices, { upstream, now: NOW }));
