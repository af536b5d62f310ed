/** The source `moralis`: ERC-20 transfers of tokens and wallets, and balances of wallets. Paid. */
import { Type, type Static } from '@sinclair/typebox';
import { MINUTE_MS } from '../kernel/time.js';
import { readBalances } from './moralis-balances.js';
import { address, balanceSeries } from './moralis-rows.js';
import { readTransfers, type TransferSeries } from './moralis-transfers.js';
import { readInTurn, type Pages, type Reader } from './in-turn.js';
import type { SourceContext, SourceDefinition } from './port.js';
import { moralisProfile } from './profiles/moralis.js';

const addresses = (description: string, examples: readonly string[]) =>
  Type.Array(address, { maxItems: 100, description, default: [...examples] });

/** Small ones: what is watched by default should cost cents. */
const TOKENS = ['0x4fabb145d64652a948d72533023f6e7a623c7c53'];
const WALLETS = ['0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f'];

const options = Type.Object(
  {
    chain: Type.String({
      pattern: '^(0x[0-9a-f]{1,16}|[a-z][a-z0-9 -]{1,30})$',
      description: 'Chain name or hexadecimal id.',
      default: 'eth',
    }),
    tokens: addresses('Token contracts whose transfers are read.', TOKENS),
    wallets: addresses('Wallets whose transfers and balances are read.', WALLETS),
    fromBlock: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Oldest block to read; absent: see historyPages.' }),
    ),
    historyPages: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        default: 10,
        description: 'Without fromBlock: how many pages of the past a new series reads.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type MoralisOptions = Static<typeof options>;
export const HISTORY_PAGES = 10;

export const moralis: SourceDefinition<MoralisOptions> = {
  name: 'moralis',
  type: 'onchain',
  description: 'ERC-20 transfers and balances by the Moralis data API.',
  options,
  defaults: { chain: 'eth', tokens: TOKENS, wallets: WALLETS },
  paid: true,
  intervalMs: 5 * MINUTE_MS,
  upstreams: { moralis: moralisProfile },
  // Whether anybody moves a token is not the upstream's doing: what counts is that it was asked.
  expectedEveryMs: () => 5 * MINUTE_MS,
  collect,
};

async function* collect(context: SourceContext<MoralisOptions>): Pages {
  return yield* readInTurn(context, 'all', readers(context.options));
}

function readers(options: MoralisOptions): readonly Reader<MoralisOptions>[] {
  const { chain, fromBlock, historyPages = HISTORY_PAGES } = options;
  const shared = { chain, fromBlock, historyPages };
  const tokens = unique(options.tokens);
  const wallets = unique(options.wallets);
  const transfers: readonly TransferSeries[] = [
    ...tokens.map((token) => ({
      ...shared,
      series: `transfers/token/${token}`,
      endpoint: 'erc20_transfers' as const,
      path: `/erc20/${token}/transfers`,
    })),
    ...wallets.map((wallet) => ({
      ...shared,
      series: `transfers/wallet/${wallet}`,
      endpoint: 'wallet_erc20_transfers' as const,
      path: `/${wallet}/erc20/transfers`,
    })),
  ];
  return [
    ...transfers.map((each): Reader<MoralisOptions> => ({
      name: each.series,
      read: (context) => readTransfers(context, each),
    })),
    ...wallets.map((wallet): Reader<MoralisOptions> => ({
      name: balanceSeries(wallet),
      read: (context) => readBalances(context, chain, wallet),
    })),
  ];
}

/** Addresses are the same however their letters are cased. */
function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list.map((one) => one.toLowerCase()))];
}
