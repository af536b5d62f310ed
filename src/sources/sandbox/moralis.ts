/**
 * Moralis' EVM data API: transfers of a token or a wallet, a wallet's balances, endpoint weights; its
 * key, its throughput limit, its plan.
 *
 * Rows have the fuller v2.2 shape of the vendor's own schema; error bodies are as recorded. Ours,
 * for want of a recording: the wording for a bad parameter or chain, and the 404.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { hashText } from './hash.js';
import {
  blockAt,
  blockHash,
  blockTime,
  firstBlock,
  HELD_TOKENS,
  tokenAt,
  tokenTransfers,
  transactionHash,
  walletChain,
  type BlockReader,
  type Transfer,
} from './moralis-chain.js';
import { moralisLimits } from './moralis-limits.js';
import { parsePageQuery, readPage } from './moralis-pages.js';
import {
  MORALIS_DEFAULTS,
  MORALIS_SETTINGS,
  MORALIS_WEIGHTS,
  SANDBOX_MORALIS_KEY,
  type MoralisEndpoint,
  type MoralisSettings,
} from './moralis-settings.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const CHAINS: Readonly<Record<string, string>> = {
  eth: '0x1',
  '0x1': '0x1',
  polygon: '0x89',
  '0x89': '0x89',
  bsc: '0x38',
  '0x38': '0x38',
  arbitrum: '0xa4b1',
  '0xa4b1': '0xa4b1',
  base: '0x2105',
  '0x2105': '0x2105',
  optimism: '0xa',
  '0xa': '0xa',
};

const PATHS: readonly { readonly endpoint: MoralisEndpoint; readonly path: RegExp }[] = [
  { endpoint: 'endpointWeights', path: /^\/info\/endpointWeights$/ },
  { endpoint: 'getTokenTransfers', path: /^\/erc20\/([^/]+)\/transfers$/ },
  { endpoint: 'getWalletTokenTransfers', path: /^\/([^/]+)\/erc20\/transfers$/ },
  { endpoint: 'getWalletTokenBalances', path: /^\/([^/]+)\/erc20$/ },
];

const bad = (message: string): Answer => json(400, { message });
const isEndpoint = (name: string): name is MoralisEndpoint => Object.hasOwn(MORALIS_WEIGHTS, name);

function transferRow(seed: number, subject: string, transfer: Transfer): JsonObject {
  return {
    token_name: transfer.token.name,
    token_symbol: transfer.token.symbol,
    token_logo: transfer.token.logo,
    token_decimals: String(transfer.token.decimals),
    transaction_hash: transactionHash(seed, subject, transfer),
    address: transfer.token.address,
    block_timestamp: new Date(blockTime(transfer.block)).toISOString(),
    block_number: String(transfer.block),
    block_hash: blockHash(seed, transfer.block),
    to_address: transfer.to,
    to_address_label: null,
    from_address: transfer.from,
    from_address_label: null,
    value: String(transfer.value),
    transaction_index: transfer.transactionIndex,
    log_index: transfer.logIndex,
    possible_spam: false,
    verified_contract: HELD_TOKENS.includes(transfer.token),
  };
}

/** The chain as one request sees it. */
type View = {
  readonly settings: MoralisSettings;
  readonly seed: number;
  readonly address: string;
  readonly first: number;
  readonly request: SandboxRequest;
};

function transfersAnswer(view: View, read: BlockReader): Answer {
  const { address, first, request, seed, settings } = view;
  const head = blockAt(request.at);
  const query = parsePageQuery(request.path, request.query, first, head);
  if (!query.ok) return bad(`Invalid parameter: ${query.error}`);
  const page = readPage(query.value, read, settings.transfersPerBlock);
  return json(200, {
    page: query.value.page,
    page_size: query.value.limit,
    cursor: page.cursor,
    result: page.transfers.map((transfer) => transferRow(seed, address, transfer)),
  });
}

function balancesAnswer(view: View): Answer {
  const { address, request, seed, settings } = view;
  const toBlock = request.query.get('to_block');
  if (toBlock !== null && !/^\d{1,15}$/.test(toBlock)) return bad('Invalid parameter: to_block');
  const head = blockAt(request.at);
  const block = Math.min(head, Number(toBlock ?? head));
  const chain = walletChain(seed, address);
  const rows = HELD_TOKENS.map((token) => ({
    token_address: token.address,
    name: token.name,
    symbol: token.symbol,
    logo: token.logo,
    thumbnail: token.logo.replace('.png', '_thumb.png'),
    decimals: token.decimals,
    balance: String(chain.balance(token, block, settings.transfersPerBlock)),
    possible_spam: false,
    verified_contract: true,
  }));
  return json(
    200,
    rows.filter((row) => row.balance !== '0'),
  );
}

function weightsAnswer(): Answer {
  const rows = Object.entries(MORALIS_WEIGHTS).map(
    ([endpoint, { path, price, rateLimitCost }]) => ({
      endpoint,
      path,
      price,
      rateLimitCost,
    }),
  );
  return json(200, rows);
}

function unauthorized(key: string | undefined): Answer {
  const missing = key === undefined || key === '';
  const message = missing ? 'API KEY missing from x-api-key header' : 'Token is invalid format';
  return json(401, { message });
}

const keyOf = (request: SandboxRequest): string | undefined => {
  const key = request.headers['x-api-key'];
  return typeof key === 'string' ? key : undefined;
};

/** The address in a path, as the chain knows it: lower case. Undefined: it is none. */
function addressOf(request: SandboxRequest): string | undefined {
  const match = PATHS.map(({ path }) => path.exec(request.path)?.[1]).find((found) => found);
  return match !== undefined && ADDRESS.test(match) ? match.toLowerCase() : undefined;
}

function chainAnswer(
  endpoint: MoralisEndpoint,
  request: SandboxRequest,
  settings: MoralisSettings,
  masterSeed: number,
  startedAt: EpochMs,
): Answer {
  if (endpoint === 'endpointWeights') return weightsAnswer();
  const address = addressOf(request);
  if (address === undefined) return bad('[C0005] Invalid address provided');
  const chainName = request.query.get('chain') ?? 'eth';
  const chain = Object.hasOwn(CHAINS, chainName) ? CHAINS[chainName] : undefined;
  if (chain === undefined) return bad('Invalid parameter: chain');
  const seed = (masterSeed ^ hashText(chain)) >>> 0;
  const first = firstBlock(startedAt, settings.historyDays);
  const view = { settings, seed, address, first, request };
  switch (endpoint) {
    case 'getTokenTransfers':
      return transfersAnswer(view, tokenTransfers(seed, tokenAt(address)));
    case 'getWalletTokenTransfers':
      return transfersAnswer(view, walletChain(seed, address).read);
    case 'getWalletTokenBalances':
      return balancesAnswer(view);
  }
}

export const moralis = sandboxProvider<MoralisSettings>({
  name: 'moralis',
  basePath: '/api/v2.2',
  jsonType: 'application/json; charset=utf-8',
  settings: MORALIS_SETTINGS,
  defaults: MORALIS_DEFAULTS,
  keys: { MORALIS_API_KEY: SANDBOX_MORALIS_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone', 'banned'],
  open({ settings, seed, startedAt }) {
    const limits = moralisLimits(settings);
    return {
      route(request) {
        const endpoint = PATHS.find(({ path }) => path.test(request.path))?.endpoint;
        const weight = endpoint === undefined ? 0 : MORALIS_WEIGHTS[endpoint].price;
        const key = keyOf(request);
        const scope = key === undefined ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;
        return { endpoint: endpoint ?? UNKNOWN_ENDPOINT, weight, scope };
      },
      admit(request, { endpoint, scope }) {
        const key = keyOf(request);
        if (key === undefined || !settings().keys.includes(key)) {
          return { headers: {}, refused: unauthorized(key) };
        }
        const cost = isEndpoint(endpoint)
          ? MORALIS_WEIGHTS[endpoint]
          : { price: 0, rateLimitCost: 1 };
        const refused = limits.admit(scope, cost, request.at, request.monotonic);
        return { headers: {}, ...(refused === undefined ? {} : { refused }) };
      },
      answer(request, { endpoint }) {
        if (isEndpoint(endpoint)) {
          return chainAnswer(endpoint, request, settings(), seed, startedAt);
        }
        return json(404, { message: `Cannot GET ${request.path}` });
      },
      word(refusal, request) {
        if (refusal.kind === 'throttled') return limits.throttled(request.at);
        if (refusal.kind === 'quota_gone') return limits.quotaGone(request.at);
        if (refusal.kind === 'unauthorized') return unauthorized(keyOf(request));
        const message = 'SUPPORT BLOCKED: Please contact support@moralis.io';
        return json(401, { message }, { forbids: { cause: 'ban', until: refusal.until } });
      },
      settle({ scope, weight }, status, at) {
        // What a bad request costs is not known; the vendor bills what it looked up.
        const isBilled = status >= 200 && status < 300;
        if (isBilled) limits.charge(scope, weight, at);
      },
      usage: (at) => limits.usage(at),
    };
  },
});
