/**
 * A simulated Moralis: transfers that happened at moments that never change, newest first, in pages
 * whose tokens stay good while newer transfers come; a balance that changes now and then; compute units
 * per day of its own clock, and a rate per second.
 */
import type { Random } from '../../src/kernel/random.js';
import { DAY_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import { tooMuch } from './simulation-binance.js';
import type { Provider, Said } from './simulation-provider.js';

export const BLOCK_MS = 12_000;
const ROWS_MAX = 5;
const CALLS_PER_SECOND = 6;
const BALANCE_EVERY_MS = 900_000;

/** How many transfers a block holds: most hold none. */
export function transfersIn(series: string, block: number): number {
  let mixed = block;
  for (const letter of series) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 16777619);
  const digit = ((mixed ^ (mixed >>> 13)) >>> 0) % 40;
  return digit < 2 ? 2 : digit < 5 ? 1 : 0;
}

export function blockAt(moment: EpochMs): number {
  return Math.floor(moment / BLOCK_MS);
}

export function weightOf(path: string): number {
  return path.endsWith('/erc20/transfers') ? 50 : 100;
}

export function simMoralis(
  truth: () => EpochMs,
  random: Random,
  plan: { unitsPerDay: number },
): Provider {
  let day = -1;
  let used = 0;
  let recent: EpochMs[] = [];
  return {
    arrive(url) {
      const now = truth();
      const today = Math.floor(now / DAY_MS);
      if (today !== day) [day, used] = [today, 0];
      const weight = weightOf(url.pathname);
      if (used + weight > plan.unitsPerDay) return consumed();
      recent = [...recent.filter((at) => at > now - 1000), now];
      if (recent.length > CALLS_PER_SECOND) return tooMuch(random, 2000, {});
      used += weight;
      return url.pathname.endsWith('/erc20') ? balance(url, now) : transfers(url, now);
    },
    ban: () => undefined,
    crowd: (units) => {
      used += units;
    },
    weight: (url) => weightOf(url.pathname),
    seen: () => ({ window: day, used, limit: plan.unitsPerDay }),
  };
}

export function consumed(): Said {
  const message =
    'Your plan: free-plan-daily total included usage has been consumed, please upgrade your plan';
  return { status: 401, headers: {}, body: JSON.stringify({ message }), pauseMs: 0 };
}

/** `/erc20/{token}/transfers` and `/{wallet}/erc20/transfers`, as the series are called. */
export function seriesOf(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const at = parts.indexOf('erc20');
  const token = parts[at + 2] === 'transfers' ? parts[at + 1] : undefined;
  return token === undefined
    ? `transfers/wallet/${parts[at - 1] ?? ''}`
    : `transfers/token/${token}`;
}

function transfers(url: URL, now: EpochMs): Said {
  const series = seriesOf(url.pathname);
  const ask = url.searchParams;
  const from = Number(ask.get('from_block') ?? 0);
  const [startBlock, startIndex] = (ask.get('cursor') ?? `${String(blockAt(now))}.99`).split('.');
  const result: unknown[] = [];
  let next: string | null = null;
  for (let block = Number(startBlock); block >= from && next === null; block -= 1) {
    const count = transfersIn(series, block);
    const top = block === Number(startBlock) ? Math.min(count, Number(startIndex)) : count;
    for (let index = top - 1; index >= 0; index -= 1) {
      if (result.length === ROWS_MAX) {
        next = `${String(block)}.${String(index + 1)}`;
        break;
      }
      result.push(transferOf(series, block, index));
    }
  }
  return { status: 200, headers: {}, body: JSON.stringify({ result, cursor: next }) };
}

function hex(text: string, length: number): string {
  return `0x${Buffer.from(text).toString('hex').padEnd(length, '0').slice(-length)}`;
}

export function transactionOf(series: string, block: number): string {
  const isToken = series.startsWith('transfers/token');
  return hex(`${String(block)}-${isToken ? 'token' : 'wallet'}`, 64);
}

function transferOf(series: string, block: number, index: number): unknown {
  const address = series.slice(series.lastIndexOf('/') + 1);
  return {
    transaction_hash: transactionOf(series, block),
    address,
    block_timestamp: new Date(block * BLOCK_MS).toISOString(),
    block_number: String(block),
    block_hash: hex(`b${String(block)}`, 64),
    from_address: address,
    to_address: address,
    value: String(1000 + index),
    transaction_index: 1,
    log_index: index,
  };
}

function balance(url: URL, now: EpochMs): Said {
  const wallet = url.pathname.split('/').at(-2) ?? '';
  const amount = String(Math.floor(now / BALANCE_EVERY_MS));
  const result = [
    { token_address: wallet, name: 'Sim', symbol: 'SIM', decimals: 6, balance: amount },
  ];
  return { status: 200, headers: {}, body: JSON.stringify({ result, cursor: null }) };
}
