/**
 * Pages of transfers: what part of the chain a query means, and the opaque cursor between two pages.
 *
 * 1. A walk from the first page to the null cursor gives every transfer of the range exactly once,
 *    whatever is added to the chain meanwhile: the first page fixes where the range ends.
 * 2. A cursor works only with the query it came from.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { fail, ok, type EpochMs, type Result } from '../../kernel/types.js';
import { blockAt, blockTime, type BlockReader, type Transfer } from './moralis-chain.js';

export const PAGE_MAX = 100;
const CURSOR_CHARS_MAX = 1024;
/** Parameters a cursor must not change. */
const BOUND = ['chain', 'from_block', 'to_block', 'from_date', 'to_date', 'order'];

export type PageQuery = {
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly descending: boolean;
  readonly limit: number;
  readonly page: number;
  /** Transfers up to and including this one were served. */
  readonly after?: { readonly block: number; readonly logIndex: number };
  readonly digest: string;
};

export type Page = { readonly transfers: readonly Transfer[]; readonly cursor: string | null };

type Cursor = {
  readonly digest: string;
  readonly toBlock: number;
  readonly block: number;
  readonly logIndex: number;
  readonly page: number;
};

function encode(cursor: Cursor): string {
  const fields = [cursor.digest, cursor.toBlock, cursor.block, cursor.logIndex, cursor.page];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

function decode(text: string, digest: string): Cursor | undefined {
  if (text.length > CURSOR_CHARS_MAX) return undefined;
  try {
    const fields = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown;
    if (!Array.isArray(fields) || fields.length !== 5 || fields[0] !== digest) return undefined;
    const numbers = fields.slice(1).map(Number);
    if (!numbers.every((value) => Number.isSafeInteger(value))) return undefined;
    const [toBlock = 0, block = 0, logIndex = 0, page = 0] = numbers;
    return { digest, toBlock, block, logIndex, page };
  } catch {
    return undefined;
  }
}

/** A date as the API takes it: seconds since the epoch, or a text. */
function dateOf(text: string): EpochMs | undefined {
  const at = /^\d{1,12}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(at) ? at : undefined;
}

type Bounds = { from: number; to: number };

/** Narrows the range by one parameter; false: it makes no sense. */
function narrow(bounds: Bounds, name: string, text: string): boolean {
  const isBlock = name.endsWith('_block');
  const at = isBlock ? undefined : dateOf(text);
  if (isBlock ? !/^\d{1,15}$/.test(text) : at === undefined) return false;
  const block = at === undefined ? Number(text) : blockAt(at);
  if (name.startsWith('to_')) bounds.to = Math.min(bounds.to, block);
  // A date between two blocks begins with the later one.
  else if (at !== undefined && blockTime(block) < at)
    bounds.from = Math.max(bounds.from, block + 1);
  else bounds.from = Math.max(bounds.from, block);
  return true;
}

/** The range of blocks, or the name of the parameter that makes no sense. */
function parseBounds(query: URLSearchParams, first: number, head: number): Result<Bounds, string> {
  const bounds = { from: first, to: head };
  for (const name of ['from_block', 'to_block', 'from_date', 'to_date']) {
    const text = query.get(name) ?? '';
    if (text !== '' && !narrow(bounds, name, text)) return fail(name);
  }
  return ok(bounds);
}

/** What a query asks for, or the name of the parameter that makes no sense. */
export function parsePageQuery(
  path: string,
  query: URLSearchParams,
  first: number,
  head: number,
): Result<PageQuery, string> {
  const limitText = query.get('limit') ?? String(PAGE_MAX);
  const limit = /^\d{1,6}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > PAGE_MAX) return fail('limit');
  const order = query.get('order') ?? 'DESC';
  if (order !== 'ASC' && order !== 'DESC') return fail('order');
  const bounds = parseBounds(query, first, head);
  if (!bounds.ok) return bounds;
  const bound = BOUND.map((name) => query.get(name) ?? '').join('\n');
  const digest = sha256Hex(`${path}\n${bound}`).slice(0, 16);
  const range = { fromBlock: bounds.value.from, descending: order === 'DESC', limit, digest };
  const text = query.get('cursor') ?? '';
  if (text === '') return ok({ ...range, toBlock: bounds.value.to, page: 0 });
  const cursor = decode(text, digest);
  if (cursor === undefined) return fail('cursor');
  const { block, logIndex, page, toBlock } = cursor;
  return ok({ ...range, toBlock, page, after: { block, logIndex } });
}

/** Reads the page a query means. `density` is the chain's (see BlockReader). */
export function readPage(query: PageQuery, read: BlockReader, density: number): Page {
  const { after, descending, fromBlock, toBlock, limit } = query;
  const step = descending ? -1 : 1;
  const transfers: Transfer[] = [];
  let block = after?.block ?? (descending ? toBlock : fromBlock);
  while (block >= fromBlock && block <= toBlock && transfers.length <= limit) {
    const ascending = read(block, density);
    for (const transfer of descending ? [...ascending].reverse() : ascending) {
      const isServed =
        after !== undefined &&
        block === after.block &&
        (transfer.logIndex - after.logIndex) * step <= 0;
      if (!isServed) transfers.push(transfer);
    }
    block += step;
  }
  const served = transfers.slice(0, limit);
  const last = served.at(-1);
  if (transfers.length <= limit || last === undefined) return { transfers: served, cursor: null };
  const { logIndex } = last;
  const page = query.page + 1;
  const cursor = encode({ digest: query.digest, toBlock, block: last.block, logIndex, page });
  return { transfers: served, cursor };
}
