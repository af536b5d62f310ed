import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../../src/kernel/time.js';
import { balancesSchema, transfersSchema } from '../../src/sources/moralis-rows.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  TOKEN,
  WALLET,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';

const TRANSFERS = `/erc20/${TOKEN}/transfers`;
const WALLET_TRANSFERS = `/${WALLET}/erc20/transfers`;
const BALANCES = `/${WALLET}/erc20`;

type Row = Readonly<Record<string, unknown>>;
type Page = { readonly page: number; readonly cursor: string | null; readonly result: Row[] };
const pageOf = (answer: Got): Page => answer.body as Page;
const ask = (kit: Kit, path: string): Promise<Got> => kit.get('moralis', path);

/** The recorded example has labels where ours, as most real rows, has none. */
const unlabelled = (row: unknown): Row => ({
  ...(row as Row),
  from_address_label: null,
  to_address_label: null,
});

async function walk(kit: Kit, path: string, query: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null; page += 1) {
    const next = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = pageOf(await ask(kit, `${path}?${query}${next}`));
    expect(answer.page).toBe(page);
    rows.push(...answer.result);
    cursor = answer.cursor;
  }
  return rows;
}

const identity = (row: Row): string =>
  `${String(row['transaction_hash'])}/${String(row['log_index'])}`;

describe('fake moralis: data', () => {
  it('answers transfers and balances in the recorded shapes', async () => {
    const kit = await sandboxKit();
    const transfers = recording('moralis/doc_transfers_v22_shape.json').body as unknown as Page;
    const expected = shapeOf(unlabelled(transfers.result[0]));
    for (const path of [TRANSFERS, WALLET_TRANSFERS]) {
      const served = await ask(kit, `${path}?chain=eth&limit=5`);
      const page = pageOf(served);
      expect(Object.keys(page).sort()).toEqual(Object.keys(transfers).sort());
      expect(page.result).toHaveLength(5);
      for (const row of page.result) expect(shapeOf(row)).toEqual(expected);
      expect(Value.Check(transfersSchema, served.body)).toBe(true);
    }
    const balances = await ask(kit, BALANCES);
    expect(shapeOf(balances.body)).toEqual(
      shapeOf(recording('moralis/doc_balances_v22_shape.json').body),
    );
    expect(Value.Check(balancesSchema, balances.body)).toBe(true);
  });

  it('walks to the null cursor without losing or repeating a transfer', async () => {
    const kit = await sandboxKit();
    for (const path of [TRANSFERS, WALLET_TRANSFERS]) {
      const from = `from_date=${String((NOON - 8 * HOUR_MS) / 1000)}`;
      const small = await walk(kit, path, `${from}&limit=17`);
      const large = await walk(kit, path, `${from}&limit=100`);
      expect(small.length).toBeGreaterThan(100);
      expect(small).toEqual(large);
      expect(new Set(small.map(identity)).size).toBe(small.length);
      const ascending = await walk(kit, path, `${from}&limit=50&order=ASC`);
      expect(ascending.map(identity)).toEqual(small.map(identity).reverse());
    }
  });

  it('adds new transfers as time passes and leaves the old ones as they were', async () => {
    const kit = await sandboxKit();
    const before = await walk(kit, TRANSFERS, `from_date=${String(NOON / 1000 - 3600)}`);
    kit.clock.jump(HOUR_MS);
    const after = await walk(kit, TRANSFERS, `from_date=${String(NOON / 1000 - 3600)}`);
    expect(after.length).toBeGreaterThan(before.length);
    expect(after.slice(-before.length)).toEqual(before);
    const newest = Date.parse(String(after[0]?.['block_timestamp']));
    expect(newest).toBeGreaterThan(NOON);
    expect(newest).toBeLessThanOrEqual(NOON + HOUR_MS);
  });

  it('reads from the block it is told', async () => {
    const kit = await sandboxKit();
    const all = await walk(kit, TRANSFERS, `from_date=${String(NOON / 1000 - 7200)}`);
    const middle = Number(all[Math.floor(all.length / 2)]?.['block_number']);
    const rest = await walk(kit, TRANSFERS, `from_block=${String(middle)}`);
    expect(rest).toEqual(all.filter((row) => Number(row['block_number']) >= middle));
  });

  it('has balances that the wallet’s transfers account for', async () => {
    const kit = await sandboxKit();
    const held = async (): Promise<Map<unknown, bigint>> => {
      const rows = (await ask(kit, BALANCES)).body as Row[];
      return new Map(rows.map((row) => [row['token_address'], BigInt(String(row['balance']))]));
    };
    const expected = await held();
    const from = Number(pageOf(await ask(kit, `${TRANSFERS}?limit=1`)).result[0]?.['block_number']);
    const known = new Set((await walk(kit, WALLET_TRANSFERS, 'limit=100')).map(identity));
    kit.clock.jump(3 * HOUR_MS);
    const since = await walk(kit, WALLET_TRANSFERS, `from_block=${String(from - 100)}`);
    for (const row of since.filter((transfer) => !known.has(identity(transfer)))) {
      const sign = row['to_address'] === WALLET ? 1n : -1n;
      const before = expected.get(row['address']) ?? 0n;
      expected.set(row['address'], before + sign * BigInt(String(row['value'])));
    }
    expect(await held()).toEqual(expected);
  });

  it('serves the same bytes for the same seed, and others for another seed or chain', async () => {
    const text = async (seed: number, chain: string): Promise<string> =>
      (await ask(await sandboxKit({ seed }), `${TRANSFERS}?limit=20&chain=${chain}`)).text;
    const first = await text(4, 'eth');
    expect(await text(4, '0x1')).toContain(first.slice(first.indexOf('"result"')));
    expect(await text(5, 'eth')).not.toBe(first);
    expect(await text(4, 'polygon')).not.toBe(first);
  });

  it('lists what its endpoints cost, in the recorded shape', async () => {
    const kit = await sandboxKit();
    const weights = await ask(kit, '/info/endpointWeights');
    expect(shapeOf(weights.body)).toEqual(shapeOf(recording('moralis/endpoint_weights.json').body));
  });
});

describe('fake moralis: refusals', () => {
  it('wants a key it knows', async () => {
    const kit = await sandboxKit();
    const missing = await kit.get('moralis', BALANCES, {});
    const wrong = await kit.get('moralis', BALANCES, { 'x-api-key': 'nope' });
    expect([missing.status, wrong.status]).toEqual([401, 401]);
    for (const { body } of [missing, wrong]) {
      expect(shapeOf(body)).toEqual({ message: 'string' });
      expect(JSON.stringify(body)).not.toMatch(/plan|usage|consumed/i);
    }
    expect(kit.control.counters('moralis').violations).toBe(0);
  });

  it('objects to what is no address in the recorded words, and to other nonsense', async () => {
    const kit = await sandboxKit();
    const recorded = recording('moralis/error_invalid_address.json');
    for (const path of [
      '/erc20/not-an-address/transfers',
      '/0x12/erc20',
      '/0x12/erc20/transfers',
    ]) {
      const answer = await ask(kit, path);
      expect([answer.status, answer.body]).toEqual([recorded.status, recorded.body]);
    }
    for (const query of ['limit=101', 'cursor=x', 'chain=moon', 'from_block=x', 'order=UP']) {
      expect((await ask(kit, `${TRANSFERS}?${query}`)).status).toBe(400);
    }
    expect((await ask(kit, '/nothing/here')).status).toBe(404);
  });

  it('throttles beyond its rolling four seconds with the recorded body', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { requestsPerSecond: 0.5 });
    const first = (await ask(kit, BALANCES)).status;
    await kit.clock.advance(2000);
    const statuses = [first, (await ask(kit, BALANCES)).status];
    const refused = await ask(kit, BALANCES);
    expect(statuses).toEqual([200, 200]);
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual(recording('moralis/doc_429_too_many_requests.json').body);
    expect(refused.headers.get('retry-after')).toBeNull();
    await kit.clock.advance(1999);
    expect((await ask(kit, BALANCES)).status).toBe(429);
    await kit.clock.advance(1);
    expect((await ask(kit, BALANCES)).status).toBe(200);
    // The second refusal was no surprise any more: the first had been read.
    expect(kit.control.counters('moralis')).toMatchObject({
      violations: 1,
      violationsBy: { forbidden: 0, beyond: 1 },
      beyond: 2,
    });
  });

  it('throttles by compute units as well', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { computeUnitsPerSecond: 10 });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await ask(kit, BALANCES)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('counts who hammers on after a 429 as violating', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { requestsPerSecond: 0.25, signalGraceMs: 0 });
    await ask(kit, BALANCES);
    await ask(kit, BALANCES);
    expect(kit.control.counters('moralis').violations).toBe(0);
    await kit.clock.advance(999);
    await ask(kit, BALANCES);
    expect(kit.control.counters('moralis').violations).toBe(1);
  });

  it('answers a used-up daily plan with the recorded 401, until midnight UTC', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { dailyUnits: 250, signalGraceMs: 0 });
    const statuses = [(await ask(kit, BALANCES)).status, (await ask(kit, BALANCES)).status];
    const refused = await ask(kit, BALANCES);
    const recorded = recording('moralis/doc_401_daily_quota_consumed.json');
    expect(statuses).toEqual([200, 200]);
    expect([refused.status, refused.body]).toEqual([recorded.status, recorded.body]);
    kit.clock.jump(11 * HOUR_MS);
    expect((await ask(kit, BALANCES)).status).toBe(401);
    expect(kit.control.counters('moralis').violations).toBe(1);
    kit.clock.jump(HOUR_MS);
    expect((await ask(kit, BALANCES)).status).toBe(200);
  });

  it('charges the month for what it answered, not for what it refused', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { monthlyUnits: 150 });
    await ask(kit, '/0x12/erc20');
    kit.control.setFaults('moralis', [{ kind: 'status', status: 500, count: 1 }]);
    await ask(kit, BALANCES);
    expect((await ask(kit, BALANCES)).status).toBe(200);
    const refused = await ask(kit, BALANCES);
    expect(refused.status).toBe(401);
    expect(refused.text).toMatch(/plan.*consumed/);
    expect(Object.values(kit.control.snapshot().providers.moralis.usage)).toEqual([
      { dayUnits: 100, monthUnits: 100 },
    ]);
    kit.clock.jump(27 * 24 * HOUR_MS);
    expect((await ask(kit, BALANCES)).status).toBe(200);
  });
});
