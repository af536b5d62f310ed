import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blockAt,
  blockTime,
  HELD_TOKENS,
  tokenAt,
  tokenTransfers,
  walletChain,
  type Transfer,
} from '../../src/sources/sandbox/moralis-chain.js';
import { parsePageQuery, readPage } from '../../src/sources/sandbox/moralis-pages.js';
import { TOKEN, WALLET } from '../support/sandbox-kit.js';

const anySeed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const read = (seed: number) => tokenTransfers(seed, tokenAt(TOKEN));
const key = ({ block, logIndex }: Transfer): string => `${String(block)}/${String(logIndex)}`;

/** All transfers of a range, block by block. */
function all(seed: number, from: number, to: number, density: number): readonly string[] {
  const keys: string[] = [];
  for (let block = from; block <= to; block += 1) keys.push(...read(seed)(block, density).map(key));
  return keys;
}

describe('the made-up chain', () => {
  it('puts the recorded transfer into its recorded block', () => {
    const at = Date.parse('2022-09-01T17:18:14.000Z');
    expect(blockAt(at)).toBe(15_454_126);
    expect(blockTime(15_454_126)).toBe(at);
    expect(blockAt(at + 11_999)).toBe(15_454_126);
  });

  it('gives a block the same transfers always, ordered by distinct log indices', () => {
    fc.assert(
      fc.property(anySeed, fc.integer({ min: 1e7, max: 3e7 }), (seed, block) => {
        const transfers = read(seed)(block, 4);
        expect(read(seed)(block, 4)).toEqual(transfers);
        const indices = transfers.map(({ logIndex }) => logIndex);
        expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
        for (const { from, to, value } of transfers) {
          expect(from).not.toBe(to);
          expect(value).toBeGreaterThan(0n);
        }
      }),
    );
  });

  it('lets a balance be exactly what the transfers add up to', () => {
    fc.assert(
      fc.property(anySeed, fc.integer({ min: 16e6, max: 30e6 }), (seed, start) => {
        const chain = walletChain(seed, WALLET);
        const density = 0.5;
        const balances = new Map(
          HELD_TOKENS.map((token) => [token.symbol, chain.balance(token, start, density)]),
        );
        for (let block = start + 1; block <= start + 300; block += 1) {
          for (const { token, from, to, value } of chain.read(block, density)) {
            expect([from, to]).toContain(WALLET);
            const before = balances.get(token.symbol) ?? 0n;
            balances.set(token.symbol, to === WALLET ? before + value : before - value);
          }
        }
        for (const token of HELD_TOKENS) {
          expect(balances.get(token.symbol)).toBe(chain.balance(token, start + 300, density));
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('pages of transfers', () => {
  const walk = (
    seed: number,
    query: Record<string, string>,
    first: number,
    heads: (page: number) => number,
  ): { keys: string[]; pages: number } => {
    const keys: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const params = new URLSearchParams(cursor === '' ? query : { ...query, cursor });
      const parsed = parsePageQuery('/p', params, first, heads(pages));
      if (!parsed.ok) throw new Error(parsed.error);
      expect(parsed.value.page).toBe(pages);
      const page = readPage(parsed.value, read(seed), 1.5);
      keys.push(...page.transfers.map(key));
      cursor = page.cursor;
      pages += 1;
    }
    return { keys, pages };
  };

  it('give every transfer exactly once, in both directions, while the chain grows', () => {
    const anyWalk = fc.record({
      seed: anySeed,
      limit: fc.integer({ min: 1, max: 100 }),
      blocks: fc.integer({ min: 0, max: 120 }),
      order: fc.constantFrom('ASC', 'DESC'),
      growth: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(anyWalk, ({ seed, limit, blocks, order, growth }) => {
        const [first, head] = [20_000_000, 20_000_000 + blocks];
        const query = { limit: String(limit), order };
        const { keys } = walk(seed, query, first, (page) => head + page * growth);
        const expected = [...all(seed, first, head, 1.5)];
        expect(keys).toEqual(order === 'ASC' ? expected : expected.reverse());
      }),
      { numRuns: 60 },
    );
  });

  it('end with a null cursor exactly when nothing follows, even on a full last page', () => {
    const [first, head] = [20_000_000, 20_000_040];
    const total = all(3, first, head, 1.5).length;
    expect(walk(3, { limit: String(total) }, first, () => head).pages).toBe(1);
    expect(walk(3, { limit: String(total - 1) }, first, () => head).pages).toBe(2);
  });

  it('keep to the range of blocks and dates, bounds included', () => {
    const [first, head] = [20_000_000, 20_000_100];
    const [from, to] = [20_000_010, 20_000_020];
    const expected = [...all(3, from, to, 1.5)].reverse();
    const range = { from_block: String(from), to_block: String(to) };
    expect(walk(3, range, first, () => head).keys).toEqual(expected);
    const dates = {
      from_date: new Date(blockTime(from) - 1).toISOString(),
      to_date: String(blockTime(to) / 1000),
    };
    expect(walk(3, dates, first, () => head).keys).toEqual(expected);
    const late = { ...dates, from_date: new Date(blockTime(from) + 1).toISOString() };
    expect(walk(3, late, first, () => head).keys).toEqual([...all(3, from + 1, to, 1.5)].reverse());
  });

  it('refuse a cursor of another query, a broken one, and parameters that make no sense', () => {
    const first = 20_000_000;
    const parse = (query: Record<string, string>) =>
      parsePageQuery('/p', new URLSearchParams(query), first, first + 100);
    const page = parse({ limit: '1' });
    if (!page.ok) throw new Error(page.error);
    const { cursor } = readPage(page.value, read(3), 4);
    expect(parse({ limit: '1', cursor: cursor ?? '' }).ok).toBe(true);
    expect(parse({ cursor: cursor ?? '', from_block: '5' })).toEqual({
      ok: false,
      error: 'cursor',
    });
    expect(parse({ cursor: 'bm90IG9uZQ' })).toEqual({ ok: false, error: 'cursor' });
    expect(parse({ limit: '101' })).toEqual({ ok: false, error: 'limit' });
    expect(parse({ limit: '0' })).toEqual({ ok: false, error: 'limit' });
    expect(parse({ order: 'UP' })).toEqual({ ok: false, error: 'order' });
    expect(parse({ from_date: 'yesterday-ish' })).toEqual({ ok: false, error: 'from_date' });
    expect(parse({ to_block: '-1' })).toEqual({ ok: false, error: 'to_block' });
  });
});
