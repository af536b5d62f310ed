/** Every recording, replayed by a real server through transport, profile, schema and source. */
import { beforeEach, describe, expect, it } from 'vitest';
import { historical } from '../../src/sources/historical.js';
import { INTERVAL_MS, type Interval } from '../../src/sources/historical-klines.js';
import { moralis } from '../../src/sources/moralis.js';
import { collectOnce, world, type World } from '../support/sources-context.js';
import {
  recording,
  recordings,
  replay,
  sendJson,
  type Recording,
  type TestServer,
} from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';

const wire = wireForFile();

type Row = readonly [number, ...(string | number)[]];
const rowsOf = (of: Recording): readonly Row[] => of.response.body as unknown as readonly Row[];
const first = (of: Recording): number => rowsOf(of)[0]?.[0] ?? 0;
const named = (of: Recording, name: string): string =>
  new URL(of.request.url).searchParams.get(name) ?? '';

/** Answers klines like the upstream: from startTime to endTime, at most `limit`. */
function klineServer(rows: readonly Row[]): Parameters<TestServer['answer']>[0] {
  return (request, response) => {
    const { searchParams: asked } = new URL(request.url ?? '/', 'http://test');
    const [from, to] = [Number(asked.get('startTime')), Number(asked.get('endTime') ?? Infinity)];
    const page = rows.filter(([open]) => open >= from && open <= to);
    sendJson(page.slice(0, Number(asked.get('limit'))))(request, response);
  };
}

const isKlines = ({ name }: Recording): boolean => name.includes('klines_');
const historicalRecordings = recordings('historical');
const klines = historicalRecordings.filter(isKlines);

describe('historical', () => {
  let around: World;
  beforeEach(() => {
    around = world(wire.transport, wire.server.url, Date.UTC(2026, 0, 1));
  });

  it.each(klines)('reads each bar of $name', async (of) => {
    const rows = rowsOf(of);
    const [symbol, interval] = [named(of, 'symbol'), named(of, 'interval') as Interval];
    const length = INTERVAL_MS[interval];
    around.cursors.set(`${symbol}/${interval}`, { next: first(of) });
    around.now = (rows.at(-1)?.[0] ?? 0) + length + 5000;
    wire.server.answer(klineServer(rows));
    const run = await collectOnce(historical, { symbols: [symbol], intervals: [interval] }, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(rows.length);
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(rows.length);
    expect(run.records.map(({ data }) => data['open'])).toEqual(rows.map((row) => row[1]));
    expect(run.records.map(({ data }) => data['taker_buy_quote_volume'])).toEqual(
      rows.map((row) => row[10]),
    );
    expect(around.cursors.get(`${symbol}/${interval}`)).toMatchObject({
      next: (rows.at(-1)?.[0] ?? 0) + length,
    });
  });

  it('finds the real hole of 2020-06-28 over two pages, and no other', async () => {
    const pages = ['klines_BTCUSDT_1h_20200430_1000', 'klines_BTCUSDT_1h_20200611_468'];
    const [one, two] = pages.map((name) => recording('historical', name));
    if (one === undefined || two === undefined) throw new Error('no recording');
    wire.server.answer(klineServer([...rowsOf(one), ...rowsOf(two)]));
    around.cursors.set('BTCUSDT/1h', { next: first(one) });
    around.cursors.set('exchange_info', { read_at: rowsOf(two).at(-1)?.[0] ?? 0 });
    around.now = (rowsOf(two).at(-1)?.[0] ?? 0) + 2 * INTERVAL_MS['1h'];
    const run = await collectOnce(historical, { symbols: ['BTCUSDT'], intervals: ['1h'] }, around);
    expect(run.records.length).toBe(1468);
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([
      { fromMs: Date.UTC(2020, 5, 28, 2), toMs: Date.UTC(2020, 5, 28, 5), missing: 3 },
    ]);
    expect(around.asked.slice(0, 2).map(({ url }) => url.searchParams.get('startTime'))).toEqual([
      String(first(one)),
      String(first(two)),
    ]);
  });

  const others = historicalRecordings.filter((of) => !isKlines(of));
  const outcomes: Readonly<Record<string, string>> = {
    doc_400_invalid_symbol_1121: 'client',
    error_400_invalid_symbol_1121: 'client',
    error_400_interval_too_long_4088: 'client',
    doc_418_ip_banned_1003: 'banned',
    doc_429_too_many_requests_1003: 'throttled',
    // What klines are not, however well it was answered.
    depth_with_used_weight_headers: 'bad_data',
    trades_with_used_weight_headers: 'bad_data',
    ticker24hr_all_with_used_weight_headers_trimmed: 'bad_data',
    exchangeInfo_trimmed_weight1200_2019: 'bad_data',
    exchangeInfo_trimmed_weight6000: 'bad_data',
  };
  it.each(others)('classes $name', async (of) => {
    wire.server.answer(replay(of));
    const run = await collectOnce(historical, { symbols: ['BTCUSDT'], intervals: ['1h'] }, around);
    expect(run.failure?.outcome).toBe(outcomes[of.name]);
    expect(run.records).toEqual([]);
    expect(run.failure?.status).toBe(of.response.status);
  });

  it.each([
    ['depth_with_used_weight_headers', [{ bucket: 'weight', used: 46 }]],
    ['trades_with_used_weight_headers', [{ bucket: 'weight', used: 1 }]],
    ['ticker24hr_all_with_used_weight_headers_trimmed', [{ bucket: 'weight', used: 40 }]],
    ['exchangeInfo_trimmed_weight1200_2019', [{ bucket: 'weight', used: 1, limit: 1200 }]],
    ['exchangeInfo_trimmed_weight6000', [{ bucket: 'weight', limit: 6000 }]],
  ])('observes the weight of %s', async (name, observations) => {
    wire.server.answer(replay(recording('historical', name)));
    await collectOnce(historical, { symbols: ['BTCUSDT'], intervals: ['1h'] }, around);
    expect(around.verdicts[0]).toMatchObject({ observations, malformedHeaders: 0, charged: true });
  });

  it('takes the end of a ban from the message', async () => {
    wire.server.answer(replay(recording('historical', 'doc_418_ip_banned_1003')));
    around.now = 1_787_546_698_129 - 90_000;
    await collectOnce(historical, { symbols: ['BTCUSDT'], intervals: ['1h'] }, around);
    expect(around.verdicts[0]).toMatchObject({ outcome: 'banned', retryAt: 1_787_546_698_129 });
  });
});

describe('moralis', () => {
  const wallet = '0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f';
  const onlyToken = { chain: 'eth', tokens: [wallet], wallets: [] };
  const onlyWallet = { chain: 'eth', tokens: [], wallets: [wallet] };
  let around: World;
  beforeEach(() => {
    around = world(wire.transport, wire.server.url, Date.UTC(2026, 0, 15, 12));
  });

  /** Transfers page by page as the recorded walk asks for them; balances empty. */
  function walk(...names: readonly string[]): Parameters<TestServer['answer']>[0] {
    const pages = new Map<string | null, Recording>();
    for (const name of names) {
      const page = recording('moralis', name);
      pages.set(new URL(page.request.url).searchParams.get('cursor'), page);
    }
    return (request, response) => {
      const url = new URL(request.url ?? '/', 'http://test');
      const page = pages.get(url.searchParams.get('cursor'));
      if (url.pathname.endsWith('/erc20')) sendJson([])(request, response);
      else if (page === undefined) sendJson({ message: 'no such page' }, 400)(request, response);
      else replay(page)(request, response);
    };
  }

  it.each([
    ['token', onlyToken],
    ['wallet', onlyWallet],
  ])('walks the pages of a %s to the end and then reads nothing twice', async (kind, options) => {
    wire.server.answer(walk(`${kind}_transfers_page1_of_2`, `${kind}_transfers_page2_of_2`));
    const run = await collectOnce(moralis, options, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(12);
    // The fixture repeats one row without log index: each repeat is a transfer of its own.
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(12);
    expect(run.records[0]).toMatchObject({
      kind: 'erc20_transfer',
      at: Date.UTC(2022, 8, 1, 17, 18, 14),
      data: { value: '347995260860000000000', block_number: 15_454_126, chain: 'eth' },
    });
    wire.server.answer(walk(`${kind}_transfers_single_page_12`));
    const again = await collectOnce(moralis, options, around);
    expect(again).toMatchObject({ records: [], pages: [], failure: undefined });
    const asked = around.asked.find(({ url }) => url.searchParams.has('from_block'));
    expect(asked?.url.searchParams.get('from_block')).toBe('15454126');
  });

  it.each([
    ['token', onlyToken],
    ['wallet', onlyWallet],
  ])('gives one page of a %s the ids that two pages had', async (kind, options) => {
    wire.server.answer(walk(`${kind}_transfers_page1_of_2`, `${kind}_transfers_page2_of_2`));
    const two = await collectOnce(moralis, options, around);
    wire.server.answer(walk(`${kind}_transfers_single_page_12`));
    const one = await collectOnce(
      moralis,
      options,
      world(wire.transport, wire.server.url, around.now),
    );
    expect(one.records.map(({ id }) => id)).toEqual(two.records.map(({ id }) => id));
  });

  it('reads the fuller shape of a transfer', async () => {
    wire.server.answer(walk('doc_transfers_v22_shape'));
    const run = await collectOnce(moralis, onlyToken, around);
    const transaction = '0x2d30ca6f024dbc1307ac8a1a44ca27de6f797ec22ef20627a1307243b0ab7d09';
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ id }) => id)).toEqual([`erc20_transfer:eth:${transaction}:2`]);
    expect(run.records[0]?.data).toMatchObject({
      token_symbol: 'USDT',
      token_decimals: 6,
      log_index: 2,
      token: '0x057ec652a4f150f7ff94f089a38008f49a0df88e',
    });
  });

  it.each([
    ['wallet_erc20_balances', ['795917396650797993089', '155304334804334409393921']],
    ['doc_balances_v22_shape', ['123456789']],
  ])('reads the balances of %s, once', async (name, balances) => {
    wire.server.answer((request, response) => {
      const ofBalances = (request.url ?? '').includes('/erc20?');
      (ofBalances ? replay(recording('moralis', name)) : sendJson([]))(request, response);
    });
    const run = await collectOnce(moralis, onlyWallet, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ data }) => data['balance'])).toEqual(balances);
    expect((await collectOnce(moralis, onlyWallet, around)).records).toEqual([]);
  });

  it.each([
    ['doc_401_daily_quota_consumed', 'quota_exhausted'],
    ['doc_429_too_many_requests', 'throttled'],
    ['error_invalid_address', 'client'],
    ['endpoint_weights', 'bad_data'],
  ])('classes %s', async (name, outcome) => {
    wire.server.answer(replay(recording('moralis', name)));
    const run = await collectOnce(moralis, onlyToken, around);
    expect(run.failure?.outcome).toBe(outcome);
    expect(run.records).toEqual([]);
    if (outcome !== 'quota_exhausted') return;
    expect(around.verdicts[0]).toMatchObject({
      bucket: 'compute_units',
      retryAt: Date.UTC(2026, 0, 16),
    });
  });

  it('sends its key in its header and nowhere else', async () => {
    around.key = 'a-key';
    wire.server.answer(walk('doc_transfers_v22_shape'));
    await collectOnce(moralis, onlyToken, around);
    const seen = wire.server.seen.at(-1);
    expect(seen?.headers['x-api-key']).toBe('a-key');
    expect(seen?.url.pathname).toBe(`/api/v2.2/erc20/${wallet}/transfers`);
    expect(seen?.url.href).not.toContain('a-key');
  });
});

it('no recording is left out', () => {
  expect(historicalRecordings.length).toBe(33);
  expect(klines.length).toBe(23);
  expect(recordings('moralis').length).toBe(13);
});
