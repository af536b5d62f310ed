/** Two public APIs as the examples see them, scripted on loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Upstream } from '../../src/testing/index.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A price an hour: everything between `from` and `to`. */
export const coingecko: Upstream = ({ path, query }) => {
  if (!/^\/api\/v3\/coins\/(bitcoin|ethereum)\/market_chart\/range$/.test(path)) return undefined;
  const [from, to] = [Number(query.get('from')) * 1000, Number(query.get('to')) * 1000];
  const prices: [number, number][] = [];
  for (let at = Math.ceil(from / HOUR_MS) * HOUR_MS; at <= to; at += HOUR_MS) {
    prices.push([at, 90_000 + ((at / HOUR_MS) % 100)]);
  }
  return { body: { prices } };
};

/** Rates of each weekday between two days. */
export const frankfurter: Upstream = ({ path, query }) => {
  const [, first = '', last = ''] = /^\/v1\/([\d-]+)\.\.([\d-]+)$/.exec(path) ?? [];
  if (first === '') return undefined;
  const rates: Record<string, Record<string, number>> = {};
  for (let at = Date.parse(first); at <= Date.parse(last); at += DAY_MS) {
    const day = new Date(at);
    if (day.getUTCDay() % 6 === 0) continue;
    rates[day.toISOString().slice(0, 10)] = { USD: 1 + ((at / DAY_MS / 10_000) % 1), CHF: 0.93 };
  }
  return { body: { amount: 1, base: query.get('base') ?? 'EUR', rates } };
};

/** A real server for it, until the test is over; answers its address. */
export async function served(upstream: Upstream): Promise<string> {
  const server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://upstream');
    const asked = { upstream: '', method: 'GET', headers: {}, body: '' };
    void Promise.resolve(upstream({ ...asked, path: url.pathname, query: url.searchParams })).then(
      (answer) => {
        response.writeHead(answer === undefined ? 404 : 200, {
          'content-type': 'application/json',
        });
        response.end(JSON.stringify(answer?.body ?? { error: 'not found' }));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}
