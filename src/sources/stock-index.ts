/**
 * The source `stock_index`: bars of twelve stock indices by Yahoo; funds by Alpha Vantage stand in.
 *
 * X1 What is wrong with one symbol does not hold up the others; what is wrong with Yahoo ends its part of
 *    the run at once. Whose turn is first moves on with time, so that nobody is always last.
 * X2 Then funds stand in for the indices that were not read, where one is known. It is said; the run
 *    goes well if any does, else it fails by what is wrong with Yahoo.
 */
import { Type, type Static } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { isOfSeries, isOurs, said } from './blame.js';
import type { RequestFailure, SourceContext, SourceDefinition, SourcePage } from './port.js';
import { alphaVantageProfile } from './profiles/alpha-vantage.js';
import { yahooProfile } from './profiles/yahoo.js';
import { barSeries, INTERVALS, type Interval } from './stock-index-bars.js';
import { MISSING, readFund, type Fund } from './stock-index-funds.js';
import { barCursorSchema, readSymbol } from './stock-index-yahoo.js';

/** semantics §7. */
export const INDICES: readonly string[] = [
  '^GSPC',
  '^IXIC',
  '^VIX',
  '^DJI',
  '^RUT',
  '^TNX',
  '^FTSE',
  '^GDAXI',
  '^N225',
  '^HSI',
  '000001.SS',
  '^BVSP',
];
/** Funds that track that very index. Of a volatility or a yield there is none. */
export const FUNDS: Readonly<Record<string, string>> = {
  '^GSPC': 'SPY',
  '^IXIC': 'ONEQ',
  '^DJI': 'DIA',
  '^RUT': 'IWM',
  '^FTSE': 'ISF.LON',
  '^GDAXI': 'EXS1.DEX',
};
const TURN_MS = 15 * MINUTE_MS;
const SYMBOL = '^[A-Z0-9^][A-Z0-9^.=\\-]{0,19}$';

const intervals = Object.keys(INTERVALS) as readonly Interval[];
const options = Type.Object(
  {
    symbols: Type.Array(Type.String({ pattern: SYMBOL }), {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      default: [...INDICES],
      description: 'Symbols as Yahoo spells them.',
    }),
    interval: Type.Union(
      intervals.map((interval) => Type.Literal(interval)),
      { default: '1d', description: 'Length of a bar. Short ones reach back 29 to 729 days.' },
    ),
    historyDays: Type.Integer({
      minimum: 1,
      maximum: 20_000,
      default: 365,
      description: 'How many days back a new symbol begins.',
    }),
    funds: Type.Record(Type.String({ pattern: SYMBOL }), Type.String({ pattern: SYMBOL }), {
      default: { ...FUNDS },
      additionalProperties: false,
      description: 'Which fund stands in for an index, as Alpha Vantage spells it; {}: none.',
    }),
  },
  { additionalProperties: false },
);
export type StockIndexOptions = Static<typeof options>;

export const stockIndex: SourceDefinition<StockIndexOptions> = {
  name: 'stock_index',
  type: 'market_data',
  description: 'Bars of stock indices by Yahoo Finance; funds by Alpha Vantage stand in.',
  options,
  defaults: { symbols: [...INDICES], interval: '1d', historyDays: 365, funds: { ...FUNDS } },
  paid: false,
  intervalMs: 15 * MINUTE_MS,
  upstreams: { yahoo: yahooProfile, alpha_vantage: alphaVantageProfile },
  // Exchanges close for nights, weekends and holidays: three times this is a long weekend.
  expectedEveryMs: () => 36 * HOUR_MS,
  collect,
};

type Context = SourceContext<StockIndexOptions>;
type Pages<T = RequestFailure | undefined> = AsyncGenerator<SourcePage, T>;

async function* collect(context: Context): Pages {
  const { failure, down, unread } = yield* readYahoo(context);
  if (down === undefined || isOurs(down)) return down ?? failure;
  const { standing, wrong } = yield* standIn(context, unread);
  if (wrong !== undefined && isOurs(wrong)) return wrong;
  if (standing === 0) {
    if (wrong !== undefined) context.warn(`alpha_vantage does not stand in: ${said(wrong)}`);
    return down;
  }
  const all = String(context.options.symbols.length);
  const whom = `alpha_vantage stands in for ${String(standing)} of ${all} indices`;
  context.warn(`yahoo is ${stateOf(down)}: ${whom}`);
  if (wrong !== undefined) context.warn(`not for the others: ${said(wrong)}`);
  return undefined; // X2
}

type YahooPart = {
  /** What was wrong with a symbol. */
  readonly failure?: RequestFailure | undefined;
  /** What is wrong with Yahoo. */
  readonly down?: RequestFailure;
  readonly unread: readonly string[];
};

async function* readYahoo(context: Context): Pages<YahooPart> {
  const symbols = inTurn(context.options.symbols, context.now());
  let failure: RequestFailure | undefined;
  const garbled: RequestFailure[] = [];
  for (const [index, symbol] of symbols.entries()) {
    const wrong = yield* readSymbol(context, symbol);
    if (wrong === undefined) continue;
    if (!isOfSeries(wrong)) return { down: wrong, unread: symbols.slice(index) };
    if (wrong.outcome === 'bad_data') garbled.push(wrong);
    failure ??= wrong; // X1
  }
  const [first] = garbled;
  // Where nothing at all can be read, it is not the symbols.
  if (first !== undefined && garbled.length === symbols.length)
    return { down: first, unread: symbols };
  return { failure, unread: [] };
}

function inTurn(symbols: readonly string[], now: EpochMs): readonly string[] {
  const first = Math.floor(now / TURN_MS) % symbols.length;
  return [...symbols.slice(first), ...symbols.slice(0, first)];
}

type Stood = { readonly standing: number; readonly wrong?: RequestFailure | undefined };

async function* standIn(context: Context, unread: readonly string[]): Pages<Stood> {
  const { symbols } = context.options;
  // Their share of the day is the same, however many are needed now.
  const all = fundsOf(context, symbols).length;
  let standing = 0;
  let wrong: RequestFailure | undefined;
  for (const fund of fundsOf(context, unread)) {
    const failure = yield* readFund(context, fund, all);
    if (failure === undefined) standing += fund.indices.length;
    else if (failure === MISSING) continue;
    else if (isOfSeries(failure)) wrong ??= failure;
    else return { standing, wrong: failure };
  }
  return { standing, wrong };
}

/** The funds of these indices, in the order of the options: each once. */
function fundsOf(context: Context, unread: readonly string[]): readonly Fund[] {
  const { symbols, funds, interval } = context.options;
  const found = new Map<string, Fund>();
  for (const index of symbols.filter((symbol) => unread.includes(symbol))) {
    const symbol = Object.hasOwn(funds, index) ? funds[index] : undefined;
    if (symbol === undefined) continue;
    const cursor = context.cursor(barSeries(index, interval));
    const from = Value.Check(barCursorSchema, cursor) ? cursor.next : undefined;
    const known = found.get(symbol);
    const starts = [known?.from, from].filter((start) => start !== undefined);
    const indices = [...(known?.indices ?? []), index];
    found.set(symbol, {
      symbol,
      indices,
      from: starts.length > 0 ? Math.min(...starts) : undefined,
    });
  }
  return [...found.values()];
}

const STATES: Readonly<Partial<Record<RequestFailure['outcome'], string>>> = {
  throttled: 'throttled',
  banned: 'refusing us',
  auth: 'refusing us',
  bad_data: 'not making sense',
};
const BLOCKED: Readonly<Partial<Record<NonNullable<RequestFailure['cause']>, string>>> = {
  breaker: 'held back by its breaker',
  rate_limit: 'throttled',
  ban: 'refusing us',
};

function stateOf({ outcome, cause, until }: RequestFailure): string {
  const state = (cause === undefined ? STATES[outcome] : BLOCKED[cause]) ?? 'failing';
  return until === undefined ? state : `${state} until ${new Date(until).toISOString()}`;
}
