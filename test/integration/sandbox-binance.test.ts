import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import { klinesSchema } from '../../src/sources/historical-klines.js';
import { Value } from '@sinclair/typebox/value';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';

const KLINES = '/api/v3/klines';
const klines = (kit: Kit, query: string): Promise<Got> => kit.get('binance', `${KLINES}?${query}`);
const opens = (answer: Got): readonly number[] =>
  (answer.body as readonly (readonly number[])[]).map((row) => row[0] ?? NaN);
const rowsOf = (value: unknown) => value as readonly (readonly unknown[])[];

describe('fake binance: klines', () => {
  it('answers rows of the recorded shape, column by column', async () => {
    const kit = await sandboxKit();
    const served = await klines(kit, 'symbol=BTCUSDT&interval=1h&limit=3');
    const recorded = rowsOf(recording('historical/klines_BTCUSDT_1h_20200430_1000.json').body);
    const columns = (row: readonly unknown[] | undefined) =>
      (row ?? []).map((value) =>
        typeof value === 'string' ? value.replace(/\d+\.\d{8}$/, 'decimal8') : typeof value,
      );
    for (const row of rowsOf(served.body)) expect(columns(row)).toEqual(columns(recorded[0]));
    expect(rowsOf(served.body)).toHaveLength(3);
    expect(Value.Check(klinesSchema, served.body)).toBe(true);
    expect(served.headers.get('content-type')).toBe('application/json;charset=utf-8');
  });

  it('pages by startTime, 500 unless told, never more than 1000, endTime included', async () => {
    const kit = await sandboxKit();
    const start = NOON - 2000 * HOUR_MS;
    const page = (limit: string) =>
      klines(kit, `symbol=BTCUSDT&interval=1h&startTime=${String(start)}${limit}`);
    expect(opens(await page(''))).toHaveLength(500);
    expect(opens(await page('&limit=5000'))).toHaveLength(1000);
    const bounded = await page(`&endTime=${String(start + 2 * HOUR_MS)}`);
    expect(opens(bounded)).toEqual([start, start + HOUR_MS, start + 2 * HOUR_MS]);
    const between = await klines(
      kit,
      `symbol=BTCUSDT&interval=1h&startTime=${String(start + 1)}&limit=1`,
    );
    expect(opens(between)).toEqual([start + HOUR_MS]);
  });

  it('walks a backfill to the present without a hole or a repeat', async () => {
    const kit = await sandboxKit();
    const seen: number[] = [];
    let next = NOON - 1234 * MINUTE_MS;
    while (next <= NOON) {
      const query = `symbol=ETHUSDT&interval=1m&limit=500&startTime=${String(next)}`;
      const page = opens(await klines(kit, query));
      seen.push(...page);
      next = (page.at(-1) ?? Infinity) + MINUTE_MS;
    }
    expect(seen).toEqual(
      Array.from({ length: 1235 }, (_, index) => NOON + (index - 1234) * MINUTE_MS),
    );
  });

  it('gives the last bars without startTime, the open one among them', async () => {
    const kit = await sandboxKit({ at: NOON + 90_500 });
    const latest = await klines(kit, 'symbol=BTCUSDT&interval=1m&limit=2');
    expect(opens(latest)).toEqual([NOON, NOON + MINUTE_MS]);
    const before = await klines(kit, `symbol=BTCUSDT&interval=1m&limit=2&endTime=${String(NOON)}`);
    expect(opens(before)).toEqual([NOON - MINUTE_MS, NOON]);
    const [closed, open] = rowsOf(latest.body);
    kit.clock.jump(20_000);
    const later = rowsOf((await klines(kit, 'symbol=BTCUSDT&interval=1m&limit=2')).body);
    expect(later[0]).toEqual(closed);
    expect(Number(later[1]?.[5])).toBeGreaterThan(Number(open?.[5]));
    kit.clock.jump(60_000);
    const minuteLater = await klines(kit, 'symbol=BTCUSDT&interval=1m&limit=1');
    expect(opens(minuteLater)).toEqual([NOON + 2 * MINUTE_MS]);
  });

  it('has the recorded gap: three hours of 2020-06-28 are missing', async () => {
    const kit = await sandboxKit();
    const recorded = rowsOf(recording('historical/klines_BTCUSDT_1h_20200611_468.json').body);
    const [start, end] = [recorded[0]?.[0], recorded.at(-1)?.[0]];
    const range = `startTime=${String(start)}&endTime=${String(end)}&limit=1000`;
    const served = await klines(kit, `symbol=BTCUSDT&interval=1h&${range}`);
    expect(opens(served)).toEqual(recorded.map((row) => row[0]));
    kit.control.configure('binance', { gaps: [] });
    expect(opens(await klines(kit, `symbol=BTCUSDT&interval=1h&${range}`))).toHaveLength(471);
  });

  it('serves the same bytes for the same seed, and others for another', async () => {
    const query = 'symbol=SOLUSDT&interval=15m&limit=50';
    const texts = await Promise.all(
      [4, 4, 5].map(async (seed) => (await klines(await sandboxKit({ seed }), query)).text),
    );
    expect(texts[0]).toBe(texts[1]);
    expect(texts[2]).not.toBe(texts[0]);
  });

  it('objects to bad parameters in the exchange’s words', async () => {
    const kit = await sandboxKit();
    const code = async (query: string): Promise<unknown> => {
      const answer = await klines(kit, query);
      expect(answer.status).toBe(400);
      return answer.body;
    };
    const recorded = recording('historical/doc_400_invalid_symbol_1121.json').body;
    expect(await code('symbol=NOPE&interval=1h')).toEqual(recorded);
    expect(await code('symbol=BTCUSDT&interval=7m')).toEqual({
      code: -1120,
      msg: 'Invalid interval.',
    });
    expect(await code('symbol=BTCUSDT&interval=1h&limit=-1')).toEqual({
      code: -1100,
      msg: "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
    });
    expect(await code('symbol=btc&interval=1h')).toMatchObject({ code: -1100 });
    expect(await code('interval=1h')).toMatchObject({ code: -1102 });
    expect(await code('symbol=BTCUSDT&interval=1h&foo=1')).toMatchObject({ code: -1104 });
    expect(await code('symbol=BTCUSDT&symbol=BTCUSDT&interval=1h')).toMatchObject({ code: -1101 });
    expect(await code('symbol=BTCUSDT&interval=1h&limit=0')).toMatchObject({ code: -1130 });
  });
});

describe('fake binance: the rest of it', () => {
  it('describes itself with the recorded members, limits included', async () => {
    const kit = await sandboxKit();
    const served = (await kit.get('binance', '/api/v3/exchangeInfo?symbol=BTCUSDT')).body;
    const recorded = recording('historical/exchangeInfo_trimmed_weight6000.json').body;
    const names = (value: unknown): readonly string[] => Object.keys(value as object).sort();
    expect(names(served)).toEqual(names(recorded));
    const members = (value: unknown) => value as Readonly<Record<string, readonly unknown[]>>;
    expect(names(members(served)['symbols']?.[0])).toEqual(
      names(members(recorded)['symbols']?.[0]),
    );
    expect(members(served)['symbols']).toHaveLength(1);
    const limits = (value: unknown) => JSON.stringify(shapeOf(members(value)['rateLimits']));
    expect(limits(served)).toBe(limits(recorded));
    expect(members(served)['rateLimits']).toEqual(
      expect.arrayContaining([...(members(recorded)['rateLimits'] ?? [])]),
    );
    const unknown = await kit.get('binance', '/api/v3/exchangeInfo?symbol=NOPE');
    expect(unknown.body).toEqual({ code: -1121, msg: 'Invalid symbol.' });
  });

  it('tells the time of the clock, in the body and in the Date header', async () => {
    const kit = await sandboxKit();
    const time = await kit.get('binance', '/api/v3/time');
    expect(time.body).toEqual({ serverTime: NOON });
    expect(time.headers.get('date')).toBe('Mon, 05 Jan 2026 12:00:00 GMT');
    expect((await kit.get('binance', '/api/v3/ping')).body).toEqual({});
  });

  it('answers an unknown path with an empty 404 and another method with 405', async () => {
    const kit = await sandboxKit();
    const unknown = await kit.get('binance', '/api/v3/nope');
    expect([unknown.status, unknown.text]).toEqual([404, '']);
    const posted = await fetch(`${kit.upstreamUrl('binance')}/api/v3/ping`, { method: 'POST' });
    expect(posted.status).toBe(405);
    expect(kit.control.counters('binance').endpoints['unknown']?.received).toBe(1);
  });
});

describe('fake binance: limits', () => {
  const weight = (answer: Got): string | null => answer.headers.get('x-mbx-used-weight-1m');

  it('counts weight per clock minute, in the recorded headers', async () => {
    const kit = await sandboxKit();
    const recorded = recording('historical/trades_with_used_weight_headers.json').headers;
    const first = await kit.get('binance', '/api/v3/ping');
    for (const name of ['x-mbx-used-weight', 'x-mbx-used-weight-1m']) {
      expect(first.headers.get(name)).toBe(recorded[name]);
    }
    expect(weight(await klines(kit, 'symbol=BTCUSDT&interval=1h&limit=1'))).toBe('3');
    expect(weight(await klines(kit, 'symbol=NOPE&interval=1h'))).toBe('5');
    expect(weight(await kit.get('binance', '/api/v3/exchangeInfo?symbol=BTCUSDT'))).toBe('25');
    kit.clock.jump(MINUTE_MS - 1);
    expect(weight(await kit.get('binance', '/api/v3/ping'))).toBe('26');
    kit.clock.jump(1);
    expect(weight(await kit.get('binance', '/api/v3/ping'))).toBe('1');
  });

  it('throttles beyond the limit with the recorded body, until the minute is over', async () => {
    const kit = await sandboxKit({ at: NOON + 17_500 });
    kit.control.configure('binance', { weightLimit: 4 });
    const statuses = [];
    for (let n = 0; n < 2; n += 1) {
      statuses.push((await klines(kit, 'symbol=BTCUSDT&interval=1h&limit=1')).status);
    }
    const refused = await klines(kit, 'symbol=BTCUSDT&interval=1h&limit=1');
    expect(statuses).toEqual([200, 200]);
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual(recording('historical/doc_429_too_many_requests_1003.json').body);
    expect(refused.headers.get('retry-after')).toBe('43');
    expect(weight(refused)).toBe('6');
    kit.clock.jump(42_500);
    expect((await klines(kit, 'symbol=BTCUSDT&interval=1h&limit=1')).status).toBe(200);
    expect(kit.control.counters('binance').violations).toBe(0);
  });

  it('bans who goes on after a 429, longer each time, and counts the violations', async () => {
    const kit = await sandboxKit();
    kit.control.configure('binance', { weightLimit: 1, signalGraceMs: 0, banPatience: 3 });
    const ask = () => kit.get('binance', '/api/v3/time');
    const statuses = [(await ask()).status, (await ask()).status];
    const ban = await ask();
    expect([...statuses, ban.status]).toEqual([200, 429, 418]);
    const until = NOON + 120_000;
    const recorded = recording('historical/doc_418_ip_banned_1003.json').body as { msg: string };
    const told = (ban.body as { msg: string }).msg;
    expect(told).toMatch(new RegExp(`^${recorded.msg.replace(/\d+\.$/, `${String(until)}\\.`)}`));
    expect(shapeOf(ban.body)).toEqual(shapeOf(recorded));
    expect(ban.headers.get('retry-after')).toBe('120');

    kit.clock.jump(60_000);
    const during = [await ask(), await ask(), await ask()];
    expect(during.map((answer) => answer.status)).toEqual([418, 418, 418]);
    const after = during.map((answer) => Number(answer.headers.get('retry-after')));
    expect(after).toEqual([60, 60, 240]);

    kit.clock.jump(240_000);
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(429);
    expect((await ask()).headers.get('retry-after')).toBe('480');
    expect(kit.control.counters('binance')).toMatchObject({
      violations: 6,
      violationsBy: { forbidden: 5, beyond: 1 },
    });
    // After the ban the window was broken again, by somebody who had been told of it.
    const broken = kit.control.violations().map(({ status, standing }) => [status, standing]);
    const forbidden = [418, 'violation'];
    const again = [429, 'beyond'];
    expect(broken).toEqual([forbidden, forbidden, forbidden, forbidden, again, forbidden]);
  });

  it('does not ban for requests that crossed the 429 on the wire', async () => {
    const kit = await sandboxKit();
    kit.control.configure('binance', { weightLimit: 2, signalGraceMs: 100 });
    const ask = () => kit.get('binance', '/api/v3/time');
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    const statuses = answers.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    expect(statuses.filter((status) => status === 429)).toHaveLength(18);
    expect(kit.control.counters('binance').violations).toBe(0);
    await kit.clock.advance(100);
    expect((await ask()).status).toBe(418);
    expect(kit.control.counters('binance').violations).toBe(1);
  });

  it('limits raw requests too', async () => {
    const kit = await sandboxKit();
    kit.control.configure('binance', { rawLimit: 2 });
    const ask = () => kit.get('binance', '/api/v3/ping');
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([
      200, 200, 429,
    ]);
  });
});
