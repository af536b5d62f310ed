/**
 * Reads the ERC-20 balances of one wallet: a record per token whose balance is not the one seen last.
 * The cursor holds the last balance and how often it changed, so that a balance that returns to an old
 * value is a new record, and one that stays is none.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import {
  balanceRecord,
  balanceSeries,
  balancesSchema,
  rowsOf,
  ROWS_PER_PAGE,
  type BalanceRow,
} from './moralis-rows.js';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';

/** Pages of one wallet that are read in a run. */
export const BALANCE_PAGES_MAX = 20;
/** Tokens of a wallet whose last balance is remembered. Of the others each distinct value counts once. */
export const TOKENS_REMEMBERED_MAX = 200;

const cursorSchema = Type.Object({
  tokens: Type.Record(
    Type.String(),
    Type.Tuple([Type.Integer({ minimum: 1 }), Type.String({ pattern: '^\\d{1,78}$' })]),
  ),
});
/** By token: how many balances were seen, and the last. */
export type BalanceCursor = Static<typeof cursorSchema>;

type Context = SourceContext<unknown>;

export async function* readBalances(context: Context, chain: string, wallet: string): Pages {
  const stored = storedCursor(context, balanceSeries(wallet), cursorSchema);
  const remembered = new Map(Object.entries(stored?.tokens ?? {}));
  const tokens = new Set<string>();
  let token: string | undefined;
  for (let page = 0; page < BALANCE_PAGES_MAX; page += 1) {
    const reply = await context.request('wallet_erc20_balances', {
      path: `/${wallet}/erc20`,
      query: { chain, ...(token === undefined ? {} : { cursor: token, limit: ROWS_PER_PAGE }) },
      schema: balancesSchema,
      check: (body) => {
        const { next } = rowsOf(body);
        return next !== undefined && tokens.has(next) ? 'the paging cursor comes back' : undefined;
      },
    });
    if (!reply.ok) return reply;
    const { rows, next } = rowsOf(reply.body);
    const changed = changes(context, chain, wallet, rows, remembered);
    if (changed.length > 0) {
      const cursor: BalanceCursor = { tokens: Object.fromEntries(remembered) };
      yield { series: balanceSeries(wallet), records: changed, cursor };
    }
    if (next === undefined) return undefined;
    tokens.add(next);
    token = next;
  }
  return undefined;
}

function changes(
  context: Context,
  chain: string,
  wallet: string,
  rows: readonly BalanceRow[],
  remembered: Map<string, [number, string]>,
): readonly CollectedRecord[] {
  const at = context.now();
  const changed: CollectedRecord[] = [];
  for (const row of rows) {
    const token = row.token_address.toLowerCase();
    const before = remembered.get(token);
    if (before?.[1] === row.balance) continue;
    const fits = before !== undefined || remembered.size < TOKENS_REMEMBERED_MAX;
    const change = fits ? (before?.[0] ?? 0) + 1 : 0;
    if (fits) remembered.set(token, [change, row.balance]);
    changed.push(balanceRecord(at, chain, wallet, row, change));
  }
  return changed;
}
