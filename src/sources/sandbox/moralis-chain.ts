/**
 * A made-up chain: which ERC-20 transfers happened in which block, for any token and any wallet.
 *
 * 1. A block's transfers depend on (seed, chain, address, block) alone: the past never changes, and
 *    new blocks bring new transfers as time passes.
 * 2. A wallet's balance of a token is to the last digit what its transfers add up to: a transfer
 *    moves the balance from one drawn level to the next, so its value is their difference.
 * 3. Within a block transfers are ordered by log index, and no two share one.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { hash32, hashText, unit } from './hash.js';

export const BLOCK_MS = 12_000;
/** From the recorded transfer: block 15454126 at 2022-09-01T17:18:14Z. */
const KNOWN_BLOCK = 15_454_126;
const KNOWN_BLOCK_AT = Date.UTC(2022, 8, 1, 17, 18, 14);
/** Most transfers of one token in one block. */
const PER_BLOCK_MAX = 4;
/** A wallet's previous transfer of a token is looked for this far back; before it the balance is 0. */
const LOOK_BACK_BLOCKS = 100_000;
const WALLET_SHARE = 0.1;
const WALLETS = 256;

export type Token = {
  readonly address: string;
  readonly name: string;
  readonly symbol: string;
  readonly decimals: number;
  readonly logo: string;
};

const logo = (address: string): string => `https://cdn.moralis.io/eth/${address}.png`;
const token = (address: string, name: string, symbol: string, decimals: number): Token => ({
  address,
  name,
  symbol,
  decimals,
  logo: logo(address),
});

/** What every wallet holds. Real tokens at their real addresses; the amounts are not. */
export const HELD_TOKENS: readonly Token[] = [
  token('0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2', 'Wrapped Ether', 'WETH', 18),
  token('0x514910771af9ca656af840dff83e8264ecf986ca', 'Chain Link', 'LINK', 18),
  token('0xdac17f958d2ee523a2206206994597c13d831ec7', 'Tether USD', 'USDT', 6),
  token('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', 'USD Coin', 'USDC', 6),
  token('0x4fabb145d64652a948d72533023f6e7a623c7c53', 'Binance USD', 'BUSD', 18),
];

/** The token at that address; one that is not known gets a name that says so. */
export function tokenAt(address: string): Token {
  const known = HELD_TOKENS.find((held) => held.address === address);
  const short = address.slice(2, 6).toUpperCase();
  return known ?? token(address, `Token ${short}`, `T${short}`, 18);
}

export type Transfer = {
  readonly token: Token;
  readonly block: number;
  readonly logIndex: number;
  readonly transactionIndex: number;
  readonly from: string;
  readonly to: string;
  readonly value: bigint;
};

export function blockAt(at: EpochMs): number {
  return KNOWN_BLOCK + Math.floor((at - KNOWN_BLOCK_AT) / BLOCK_MS);
}

export function blockTime(block: number): EpochMs {
  return KNOWN_BLOCK_AT + (block - KNOWN_BLOCK) * BLOCK_MS;
}

/** The first block of a history that reaches back so many days before the day of this moment. */
export function firstBlock(startedAt: EpochMs, historyDays: number): number {
  return blockAt((Math.floor(startedAt / DAY_MS) - historyDays) * DAY_MS) + 1;
}

export function blockHash(seed: number, block: number): string {
  return `0x${sha256Hex(`block/${String(seed)}/${String(block)}`)}`;
}

/** A hash for the transaction that made a transfer: distinct, and the same whenever it is asked. */
export function transactionHash(seed: number, subject: string, transfer: Transfer): string {
  const place = `${String(transfer.block)}/${String(transfer.logIndex)}`;
  return `0x${sha256Hex(`transaction/${String(seed)}/${subject}/${place}`)}`;
}

function walletOf(seed: number, index: number): string {
  return `0x${sha256Hex(`wallet/${String(seed)}/${String(index % WALLETS)}`).slice(0, 40)}`;
}

/** A level between half and one and a half of a hundred thousand units, with all its digits. */
function balanceLevel(seed: number, block: number, decimals: number): bigint {
  const millionths = BigInt(50_000 + Math.floor(unit(seed, 11, block) * 100_000)) * 1_000_000n;
  const digits = BigInt(hash32(seed, 12, block) % 1_000_000);
  return (millionths + digits) * 10n ** BigInt(Math.max(0, decimals - 6));
}

/** Transfers of one block, by log index. */
export type BlockReader = (block: number, density: number) => readonly Transfer[];

/** What happens to a token, among a fixed crowd of wallets. */
export function tokenTransfers(chainSeed: number, of: Token): BlockReader {
  const seed = (chainSeed ^ hashText(of.address)) >>> 0;
  return (block, density) => {
    const transfers: Transfer[] = [];
    for (let slot = 0; slot < PER_BLOCK_MAX; slot += 1) {
      if (unit(seed, 1, block, slot) >= density / PER_BLOCK_MAX) continue;
      const from = hash32(seed, 2, block, slot) % WALLETS;
      const to = from + 1 + (hash32(seed, 3, block, slot) % (WALLETS - 1));
      const units = BigInt(1 + Math.floor(10 ** (unit(seed, 4, block, slot) * 6)));
      const digits = BigInt(hash32(seed, 5, block, slot) % 1_000_000);
      transfers.push({
        token: of,
        block,
        logIndex: slot * 40 + (hash32(seed, 6, block, slot) % 40),
        transactionIndex: slot * 40 + (hash32(seed, 7, block, slot) % 40),
        from: walletOf(chainSeed, from),
        to: walletOf(chainSeed, to),
        value: (units * 1_000_000n + digits) * 10n ** BigInt(Math.max(0, of.decimals - 6)),
      });
    }
    return transfers;
  };
}

export type WalletChain = {
  readonly read: BlockReader;
  /** What the wallet holds of a token after this block. */
  balance(of: Token, block: number, density: number): bigint;
};

/** What happens to one wallet, over the tokens it holds. */
export function walletChain(chainSeed: number, wallet: string): WalletChain {
  const seedOf = (of: Token): number => (chainSeed ^ hashText(`${wallet}/${of.address}`)) >>> 0;
  const moved = (seed: number, block: number, density: number): boolean =>
    unit(seed, 1, block) < density * WALLET_SHARE;
  const levelBy = (of: Token, block: number, density: number): bigint => {
    const seed = seedOf(of);
    for (let at = block; at > block - LOOK_BACK_BLOCKS; at -= 1) {
      if (moved(seed, at, density)) return balanceLevel(seed, at, of.decimals);
    }
    return 0n;
  };
  return {
    balance: levelBy,
    read(block, density) {
      const transfers: Transfer[] = [];
      HELD_TOKENS.forEach((of, index) => {
        const seed = seedOf(of);
        if (!moved(seed, block, density)) return;
        const change = balanceLevel(seed, block, of.decimals) - levelBy(of, block - 1, density);
        const other = walletOf(chainSeed, hash32(seed, 2, block));
        transfers.push({
          token: of,
          block,
          logIndex: index * 40 + (hash32(seed, 3, block) % 40),
          transactionIndex: index * 30 + (hash32(seed, 4, block) % 30),
          from: change < 0n ? wallet : other,
          to: change < 0n ? other : wallet,
          value: change < 0n ? -change : change,
        });
      });
      return transfers;
    },
  };
}
