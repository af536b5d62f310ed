/** Moralis' rows: the shapes that were recorded, and how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import type { CollectedRecord } from '../kernel/record.js';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import { calendarMoment, isoMoment, present } from './rows.js';

/** Most rows asked for in one answer: what the upstream gives without being asked. */
export const ROWS_PER_PAGE = 100;
/** Most rows accepted in one answer. */
const ROWS_MAX = 10_000;

const ADDRESS = '^0x[0-9a-fA-F]{40}$';
export const address = Type.String({ pattern: ADDRESS });
const hash = Type.String({ pattern: '^0x[0-9a-fA-F]{1,64}$' });
/** A token amount in its smallest unit: up to 2^256, so never a number. */
const amount = Type.String({ pattern: '^\\d{1,78}$' });
const blockNumber = Type.Union([
  Type.String({ pattern: '^\\d{1,15}$' }),
  Type.Integer({ minimum: 0, maximum: 999_999_999_999_999 }),
]);
const label = Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()]));
const flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const position = Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 }));
const decimals = Type.Optional(
  Type.Union([
    Type.Integer({ minimum: 0, maximum: 255 }),
    Type.String({ pattern: '^\\d{1,3}$' }),
    Type.Null(),
  ]),
);

const transferRow = Type.Object({
  transaction_hash: hash,
  address: Type.String({ pattern: ADDRESS }),
  block_timestamp: isoMoment,
  block_number: blockNumber,
  block_hash: hash,
  from_address: address,
  to_address: address,
  value: amount,
  transaction_index: position,
  log_index: position,
  token_symbol: label,
  token_decimals: decimals,
  possible_spam: flag,
  verified_contract: flag,
});
export type TransferRow = Static<typeof transferRow>;

const balanceRow = Type.Object({
  // The vendor's own example has a 32-byte value here.
  token_address: Type.String({ pattern: '^0x([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$' }),
  name: label,
  symbol: label,
  decimals,
  balance: amount,
  possible_spam: flag,
  verified_contract: flag,
});
export type BalanceRow = Static<typeof balanceRow>;

/** Longest paging cursor that is believed: they are a few hundred characters long. */
const TOKEN_CHARS_MAX = 4096;
const nextToken = Type.Optional(
  Type.Union([Type.String({ maxLength: TOKEN_CHARS_MAX }), Type.Null()]),
);

/** A page object, or, as some versions answer, the rows alone. */
export const transfersSchema = Type.Union([
  Type.Object({ result: Type.Array(transferRow, { maxItems: ROWS_MAX }), cursor: nextToken }),
  Type.Array(transferRow, { maxItems: ROWS_MAX }),
]);
export const balancesSchema = Type.Union([
  Type.Object({ result: Type.Array(balanceRow, { maxItems: ROWS_MAX }), cursor: nextToken }),
  Type.Array(balanceRow, { maxItems: ROWS_MAX }),
]);

type PageOf<Row> =
  { readonly result: readonly Row[]; readonly cursor?: string | null } | readonly Row[];

/** The rows, and the token of the next page; none (absent, null, empty): this was the last. */
export function rowsOf<Row>(body: PageOf<Row>): {
  readonly rows: readonly Row[];
  readonly next: string | undefined;
} {
  if ('result' in body) {
    const next = body.cursor ?? '';
    return { rows: body.result, next: next === '' ? undefined : next };
  }
  return { rows: body, next: undefined };
}

export function blockOf(row: TransferRow): number {
  return Number(row.block_number);
}

/** When it happened; NaN for a day no calendar has. */
export function momentOf({ block_timestamp: text }: TransferRow): EpochMs {
  return calendarMoment(text);
}

/**
 * One transfer. It is known by chain, transaction and log index; where the upstream leaves the index out,
 * by a digest of its content and, as equal rows may repeat, by how many equal ones came before it.
 */
export function transferRecord(
  chain: string,
  series: string,
  row: TransferRow,
  repeat: number,
): CollectedRecord {
  const transaction = row.transaction_hash.toLowerCase();
  const tail =
    row.log_index === undefined
      ? `~${transferDigest(row)}.${String(repeat)}`
      : String(row.log_index);
  return {
    id: `erc20_transfer:${chain}:${transaction}:${tail}`,
    kind: 'erc20_transfer',
    series,
    at: momentOf(row),
    data: {
      chain,
      transaction_hash: transaction,
      ...present('log_index', row.log_index),
      ...present('transaction_index', row.transaction_index),
      block_number: blockOf(row),
      block_hash: row.block_hash.toLowerCase(),
      token: row.address.toLowerCase(),
      from: row.from_address.toLowerCase(),
      to: row.to_address.toLowerCase(),
      value: row.value,
      ...tokenFacts(row.token_symbol, row.token_decimals),
      ...present('possible_spam', row.possible_spam),
      ...present('verified_contract', row.verified_contract),
    },
  };
}

/** Equal rows have equal digests. Only what the chain itself says goes in: labels change over time. */
export function transferDigest(row: TransferRow): string {
  const content = [
    row.transaction_hash,
    row.address,
    row.from_address,
    row.to_address,
    row.value,
    String(row.block_number),
  ].map((part) => part.toLowerCase());
  return sha256Hex(canonicalJson(content)).slice(0, 16);
}

/** One balance as it stands after its `change`-th change that we saw. */
export function balanceRecord(
  at: EpochMs,
  chain: string,
  wallet: string,
  row: BalanceRow,
  change: number,
): CollectedRecord {
  const token = row.token_address.toLowerCase();
  return {
    id: `erc20_balance:${chain}:${wallet}:${token}:${String(change)}:${row.balance}`,
    kind: 'erc20_balance',
    series: balanceSeries(wallet),
    at,
    data: {
      chain,
      wallet,
      token,
      balance: row.balance,
      ...present('token_name', row.name),
      ...tokenFacts(row.symbol, row.decimals),
      ...present('possible_spam', row.possible_spam),
      ...present('verified_contract', row.verified_contract),
    },
  };
}

export function balanceSeries(wallet: string): string {
  return `balances/${wallet}`;
}

function tokenFacts(
  symbol: string | null | undefined,
  places: number | string | null | undefined,
): JsonObject {
  const number = places === undefined || places === null ? undefined : Number(places);
  return { ...present('token_symbol', symbol), ...present('token_decimals', number) };
}
