/** Transfers in sweeps, balances by change, and bodies that cannot be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import { TOKENS_REMEMBERED_MAX } from '../../src/sources/moralis-balances.js';
import { balancesSchema, transfersSchema } from '../../src/sources/moralis-rows.js';
import { PAGES_PER_RUN_MAX } from '../../src/sources/moralis-transfers.js';
import { HISTORY_PAGES, moralis, type MoralisOptions } from '../../src/sources/moralis.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';

const now = Date.UTC(2026, 0, 15, 12);
const hex = (n: number, digits: number): string => `0x${n.toString(16).padStart(digits, '0')}`;
const token = hex(1, 40);
const wallet = hex(2, 40);
const ofToken: MoralisOptions = { chain: 'eth', tokens: [token], wallets: [] };
const ofWallet: MoralisOptions = { chain: 'eth', tokens: [], wallets: [wallet] };

type Row = Readonly<Record<string, Json>>;

function transfer(block: number, rest: Row = {}): Row {
  return {
    transaction_hash: hex(block, 64),
    address: token,
    block_timestamp: new Date(1_700_000_000_000 + block * 12_000).toISOString(),
    block_number: String(block),
    block_hash: hex(block + 1, 64),
    from_address: wallet,
    to_address: hex(3, 40),
    value: '1',
    log_index: 0,
    ...rest,
  };
}

/** A chain, newest first, in pages of `size`; the token of a page is where it begins. */
function chain(rows: () => readonly Row[], size = 2): Script {
  return ({ query }: Asked) => {
    const from = Number(query['from_block'] ?? 0);
    const all = rows().filter((row) => Number(row['block_number']) >= from);
    const start = Number(query['cursor'] ?? 0);
    const next = start + size < all.length ? String(start + size) : null;
    return { result: all.slice(start, start + size), cursor: next };
  };
}

const blocks = (from: number, to: number): readonly Row[] =>
  Array.from({ length: from - to + 1 }, (_, n) => transfer(from - n));

describe('transfers', () => {
  it('are read to the end, then only what is new', async () => {
    let rows = blocks(15, 10);
    const first = await collectFrom(
      moralis,
      ofToken,
      chain(() => rows),
      { now },
    );
    expect(first.failure).toBeUndefined();
    expect(first.records.length).toBe(6);
    expect(first.cursors.get(`transfers/token/${token}`)).toEqual({
      from_block: 15,
      seen: [first.records[0]?.id],
    });
    const idle = await collectFrom(
      moralis,
      ofToken,
      chain(() => rows),
      { now, cursors: first.cursors },
    );
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    expect(idle.asked.length).toBe(1);
    // More of the newest block was indexed since (M1), and two blocks came.
    rows = [...blocks(17, 16), transfer(15, { log_index: 1 }), ...rows];
    const next = await collectFrom(
      moralis,
      ofToken,
      chain(() => rows),
      { now, cursors: first.cursors },
    );
    expect(next.records.map(({ data }) => [data['block_number'], data['log_index']])).toEqual([
      [17, 0],
      [16, 0],
      [15, 1],
    ]);
  });

  it('M2: take several runs when there are many, and lose none that came meanwhile', async () => {
    const deep: MoralisOptions = { ...ofToken, fromBlock: 1 };
    let rows = blocks(100, 1);
    const one = await collectFrom(
      moralis,
      deep,
      chain(() => rows),
      { now },
    );
    expect(one.asked.length).toBe(PAGES_PER_RUN_MAX);
    const two = await collectFrom(
      moralis,
      deep,
      chain(() => rows),
      { now, cursors: one.cursors },
    );
    rows = [...blocks(120, 101), ...rows];
    const cursors = two.cursors;
    const more = [];
    for (let n = 0; n < 4; n += 1) {
      more.push(
        ...(
          await collectFrom(
            moralis,
            deep,
            chain(() => rows),
            { now, cursors },
          )
        ).records,
      );
    }
    const seen = new Set(
      [...one.records, ...two.records, ...more].map(({ data }) => data['block_number']),
    );
    expect(seen.size).toBe(120);
    expect(cursors.get(`transfers/token/${token}`)).toMatchObject({ from_block: 120 });
  });

  it('M3: of a new series without a lower end are few, and newest', async () => {
    const run = await collectFrom(
      moralis,
      ofToken,
      chain(() => blocks(1000, 1)),
      { now },
    );
    expect(run.asked.length).toBe(HISTORY_PAGES);
    expect(run.records[0]?.data['block_number']).toBe(1000);
    expect(run.cursors.get(`transfers/token/${token}`)).toMatchObject({ from_block: 1000 });
    const short = { ...ofToken, historyPages: 2 };
    const less = await collectFrom(
      moralis,
      short,
      chain(() => blocks(1000, 1)),
      { now },
    );
    expect(less.records.length).toBe(4);
  });

  it('stop below the block they were asked from, though the upstream goes on', async () => {
    const cursors = new Map<string, Json>([[`transfers/token/${token}`, { from_block: 95 }]]);
    const careless: Script = (asked) =>
      chain(() => blocks(100, 1))({ ...asked, query: { cursor: asked.query['cursor'] } });
    const run = await collectFrom(moralis, ofToken, careless, { now, cursors });
    expect(run.asked.length).toBe(4);
    expect(cursors.get(`transfers/token/${token}`)).toMatchObject({ from_block: 100 });
  });

  it.each([
    ['the same', () => 'again'],
    ['in a circle', (used: Json) => (used === 'a' ? 'b' : 'a')],
  ] as const)('M4: end as bad data when the paging token is %s', async (_what, next) => {
    const loop: Script = ({ query }) => ({
      result: [transfer(5)] as Json,
      cursor: next(query['cursor'] ?? null),
    });
    const run = await collectFrom(moralis, { ...ofToken, fromBlock: 1 }, loop, { now });
    expect(run.failure?.outcome).toBe('bad_data');
    expect(run.asked.length).toBeLessThanOrEqual(3);
  });

  it('begin a sweep anew when its old token is no longer known', async () => {
    const rows = blocks(100, 1);
    const deep: MoralisOptions = { ...ofToken, fromBlock: 1 };
    const one = await collectFrom(
      moralis,
      deep,
      chain(() => rows),
      { now },
    );
    const expired: Script = (asked) =>
      asked.query['cursor'] === undefined ? chain(() => rows)(asked) : failing('client');
    const two = await collectFrom(moralis, deep, expired, { now, cursors: one.cursors });
    expect(two.failure?.outcome).toBe('client');
    expect(two.cursors.get(`transfers/token/${token}`)).toEqual({ from_block: 1 });
  });

  it('keep their ids when a crash repeats a page, equal rows without log index too', async () => {
    const { log_index: _none, ...bare } = transfer(7);
    const rows = [transfer(8), ...Array.from({ length: 7 }, () => bare), transfer(6)];
    const whole = await collectFrom(
      moralis,
      ofToken,
      chain(() => rows),
      { now },
    );
    expect(new Set(whole.records.map(({ id }) => id)).size).toBe(9);
    for (const pagesMax of [1, 2, 3, 4]) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(
        moralis,
        ofToken,
        chain(() => rows),
        { now, cursors, pagesMax },
      );
      const rest = await collectFrom(
        moralis,
        ofToken,
        chain(() => rows),
        { now, cursors },
      );
      const ids = new Set([...cut.records, ...rest.records].map(({ id }) => id));
      expect(ids).toEqual(new Set(whole.records.map(({ id }) => id)));
    }
  });

  it('of an address the upstream rejects do not hold up the others', async () => {
    const two: MoralisOptions = { chain: 'eth', tokens: [token, hex(9, 40)], wallets: [] };
    const good = chain(() => blocks(3, 1));
    const run = await collectFrom(
      moralis,
      two,
      (asked) => (asked.path.includes(token) ? failing('client') : good(asked)),
      { now },
    );
    expect(run).toMatchObject({ failure: { outcome: 'client' } });
    expect(run.records.length).toBe(3);
    const quota = await collectFrom(moralis, two, () => failing('quota_exhausted'), { now });
    expect(quota.asked.length).toBe(1);
  });

  it.each(['x', 3, { from_block: -1 }, { sweep: {} }, { seen: [1] }] as Json[])(
    'begin anew when their cursor is %j',
    async (cursor) => {
      const cursors = new Map<string, Json>([[`transfers/token/${token}`, cursor]]);
      const run = await collectFrom(
        moralis,
        ofToken,
        chain(() => blocks(3, 1)),
        { now, cursors },
      );
      expect(run.failure).toBeUndefined();
      expect(run.records.length).toBe(3);
    },
  );

  it('come as bare rows too', async () => {
    const run = await collectFrom(moralis, ofToken, () => blocks(3, 1) as Json, { now });
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(3);
  });

  it('of addresses that differ in case only are read once', async () => {
    const mixed = {
      ...ofToken,
      tokens: [hex(0xabc, 40), hex(0xabc, 40).toUpperCase().replace('0X', '0x')],
    };
    const run = await collectFrom(
      moralis,
      mixed,
      chain(() => []),
      { now },
    );
    expect(run.asked.length).toBe(1);
  });
});

describe('balances', () => {
  const answer =
    (...balances: readonly string[]): Script =>
    ({ endpoint }) =>
      endpoint === 'wallet_erc20_balances'
        ? balances.map((balance, n) => ({ token_address: hex(n + 50, 40), balance, decimals: 18 }))
        : [];

  it('are one record per change, also when an old value returns', async () => {
    const cursors = new Map<string, Json>();
    const ids: string[] = [];
    for (const balance of ['1', '1', '2', '1', '1']) {
      const run = await collectFrom(moralis, ofWallet, answer(balance, '7'), { now, cursors });
      expect(run.failure).toBeUndefined();
      ids.push(...run.records.map(({ id }) => id));
    }
    expect(ids.length).toBe(4);
    expect(new Set(ids).size).toBe(4);
  });

  it('have the same id when a crash repeats the run', async () => {
    const one = await collectFrom(moralis, ofWallet, answer('1'), { now, pagesMax: 1 });
    const two = await collectFrom(moralis, ofWallet, answer('1'), { now: now + 5000 });
    expect(two.records.map(({ id }) => id)).toEqual(one.records.map(({ id }) => id));
  });

  it('of more tokens than are remembered keep the cursor bounded', async () => {
    const many = Array.from({ length: TOKENS_REMEMBERED_MAX + 50 }, (_, n) => String(n));
    const run = await collectFrom(moralis, ofWallet, answer(...many), { now });
    expect(run.records.length).toBe(many.length);
    const cursor = run.cursors.get(`balances/${wallet}`) as { readonly tokens: object };
    expect(Object.keys(cursor.tokens).length).toBe(TOKENS_REMEMBERED_MAX);
    const again = await collectFrom(moralis, ofWallet, answer(...many), {
      now,
      cursors: run.cursors,
    });
    const known = new Set(run.records.map(({ id }) => id));
    expect(again.records.every(({ id }) => known.has(id))).toBe(true);
  });

  it('end as bad data when the paging token comes back', async () => {
    const loop: Script = ({ endpoint }) =>
      endpoint === 'wallet_erc20_balances' ? { result: [], cursor: 'x' } : [];
    const run = await collectFrom(moralis, ofWallet, loop, { now });
    expect(run.failure?.outcome).toBe('bad_data');
    expect(run.asked.length).toBe(3);
  });
});

describe('bodies', () => {
  const good = { result: [...blocks(3, 1)], cursor: null };
  const junk = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>('0x', '1e5', '2026-02-30T25:00:00Z', '-1', Infinity, '9'.repeat(100)),
  );

  it('that are mangled never become a wrong record and never crash', async () => {
    const names = Object.keys(transfer(1));
    const mangled = fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.nat(2), fc.constantFrom(...names), junk).map(([row, name, value]) => ({
        ...good,
        result: good.result.map((one, n) => (n === row ? { ...one, [name]: value } : one)),
      })),
      fc.tuple(fc.nat(2), fc.constantFrom(...names)).map(([row, name]) => ({
        ...good,
        result: good.result.map((one, n) =>
          n === row ? Object.fromEntries(Object.entries(one).filter(([key]) => key !== name)) : one,
        ),
      })),
      junk.map((cursor) => ({ ...good, cursor })),
    );
    await fc.assert(
      fc.asyncProperty(mangled, async (body) => {
        const run = await collectFrom(moralis, ofToken, () => body as Json, { now });
        if (!fitsSchema(transfersSchema, body as Json).ok) {
          expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
        }
        for (const { at, data } of run.records) {
          expect(Number.isSafeInteger(at)).toBe(true);
          expect(Number.isSafeInteger(data['block_number'])).toBe(true);
          expect(data['value']).toMatch(/^\d{1,78}$/);
          expect(data['from']).toMatch(/^0x[0-9a-f]{40}$/);
        }
      }),
    );
  });

  it('of balances that are mangled never become a wrong record and never crash', async () => {
    const row = { token_address: token, balance: '5', decimals: 18, symbol: 'X', name: null };
    const mangled = fc.oneof(
      fc.jsonValue(),
      fc
        .tuple(fc.constantFrom(...Object.keys(row)), junk)
        .map(([name, value]) => [{ ...row, [name]: value }]),
    );
    await fc.assert(
      fc.asyncProperty(mangled, async (body) => {
        const script: Script = ({ endpoint }) =>
          endpoint === 'wallet_erc20_balances' ? (body as Json) : [];
        const run = await collectFrom(moralis, ofWallet, script, { now });
        if (!fitsSchema(balancesSchema, body as Json).ok) {
          expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
        }
        for (const { data } of run.records) expect(data['balance']).toMatch(/^\d{1,78}$/);
      }),
    );
  });

  it('with a moment no calendar has are bad data', async () => {
    for (const day of ['2026-04-31', '2026-02-29']) {
      const body = [transfer(1, { block_timestamp: `${day}T00:00:00.000Z` })] as Json;
      const run = await collectFrom(moralis, ofToken, () => body, { now });
      expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
    }
  });
});

describe('options', () => {
  const accepts = (options: Json): boolean => fitsSchema(moralis.options, options).ok;

  it('are checked', () => {
    expect(accepts(moralis.defaults)).toBe(true);
    expect(accepts({ ...moralis.defaults, fromBlock: 5, historyPages: 3 })).toBe(true);
    for (const bad of ['0x12', 'not-an-address', `${token}0`, token.replace('0x', '')]) {
      expect(accepts({ ...moralis.defaults, tokens: [bad] })).toBe(false);
      expect(accepts({ ...moralis.defaults, wallets: [bad] })).toBe(false);
    }
    expect(accepts({ ...moralis.defaults, chain: 'a/b' })).toBe(false);
    expect(accepts({ ...moralis.defaults, chains: 'eth' })).toBe(false);
  });
});
