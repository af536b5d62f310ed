import { Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/kernel/types.js';
import { readInTurn, type Pages } from '../../src/sources/in-turn.js';
import { nextTurn, rotated, rotationSeries } from '../../src/sources/rotation.js';
import { historical } from '../../src/sources/historical.js';
import { moralis } from '../../src/sources/moralis.js';
import { reddit } from '../../src/sources/reddit.js';
import { twitter } from '../../src/sources/twitter.js';
import type {
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
} from '../../src/sources/port.js';
import { silentLogger } from '../../src/kernel/observe.js';

const NOW = Date.UTC(2026, 0, 5, 12);
const failed = (outcome: RequestFailure['outcome']): RequestFailure => {
  return { ok: false, outcome, message: outcome, endpoint: 'x', status: 0 };
};

/** One run of a source that may make so many calls; what it asks ends as told, the rest is blocked. */
async function runOnce(
  source: SourceDefinition<never>,
  options: object,
  cursors: Map<string, Json>,
  calls: number,
  outcome: RequestFailure['outcome'] = 'client',
): Promise<readonly string[]> {
  const asked: string[] = [];
  const context = {
    options,
    cursor: (series: string) => cursors.get(series),
    now: () => NOW,
    signal: new AbortController().signal,
    log: silentLogger,
    warn: () => undefined,
    request(endpoint: string, { path, query = {} }: { path: string; query?: object }) {
      // What belongs to no series is not what is counted here.
      if (endpoint === 'exchange_info') return Promise.resolve(failed('client'));
      if (asked.length === calls) return Promise.resolve(failed('blocked'));
      const { symbol = '', interval = '' } = query as Record<string, string>;
      asked.push(`${path} ${symbol} ${interval}`);
      return Promise.resolve(failed(outcome));
    },
  };
  const pages = source.collect(context as unknown as SourceContext<never>);
  for await (const { series, cursor } of pages) cursors.set(series, cursor);
  return asked;
}

const klines = {
  symbols: ['BTCUSDT', 'ETHUSDT', 'BNBUSDT', 'XRPUSDT', 'ADAUSDT'],
  intervals: ['1m'],
};
const wallets = {
  chain: 'eth',
  tokens: ['0x1', '0x2', '0x3'],
  wallets: ['0x4', '0x5'],
};

const subreddits = { subreddits: ['aaa', 'bbb', 'ccc'], listings: ['new', 'hot'] };
const users = { queries: [], usernames: ['aa', 'bb', 'cc', 'dd'] };

describe('a source that may make few calls in a run', () => {
  it.each([
    ['historical', historical as unknown as SourceDefinition<never>, klines, 5],
    ['moralis', moralis as unknown as SourceDefinition<never>, wallets, 7],
    ['reddit', reddit as unknown as SourceDefinition<never>, subreddits, 6],
    ['twitter', twitter as unknown as SourceDefinition<never>, users, 4],
  ])('(%s) asks for all its series, equally often', async (_name, source, options, series) => {
    for (const calls of [1, 2, series - 1]) {
      const cursors = new Map<string, Json>();
      const counts = new Map<string, number>();
      for (let run = 0; run < series; run += 1) {
        for (const one of await runOnce(source, options, cursors, calls)) {
          counts.set(one, (counts.get(one) ?? 0) + 1);
        }
      }
      expect([...counts.values()]).toEqual(Array.from({ length: series }, () => calls));
    }
  });

  it('goes on behind a series whose upstream always breaks', async () => {
    const cursors = new Map<string, Json>();
    const source = historical as unknown as SourceDefinition<never>;
    const asked: string[] = [];
    for (let run = 0; run < 5; run += 1) {
      asked.push(...(await runOnce(source, klines, cursors, 5, 'server')));
    }
    expect(new Set(asked).size).toBe(5);
  });

  it('writes no place when it gets through, nor when we stopped it', async () => {
    const cursors = new Map<string, Json>();
    const source = historical as unknown as SourceDefinition<never>;
    await runOnce(source, klines, cursors, 5);
    await runOnce(source, klines, cursors, 5, 'cancelled');
    expect([...cursors.keys()].filter((name) => name.startsWith('rotation'))).toEqual([]);
  });
});

it('a series whose call was let out has had its turn, though its answer made no page', async () => {
  let calls = 0;
  const context = {
    cursor: () => undefined,
    request: () => {
      calls += 1;
      return Promise.resolve(calls === 1 ? { ok: true, body: [], status: 200 } : failed('blocked'));
    },
  } as unknown as SourceContext<unknown>;
  async function* twoCalls(watched: SourceContext<unknown>): Pages {
    for (;;) {
      const reply = await watched.request('x', { path: '/', schema: Type.Any() });
      if (!reply.ok) return reply;
      yield* [];
    }
  }
  const readers = ['one', 'two'].map((name) => ({ name, read: twoCalls }));
  const pages: SourcePage[] = [];
  for await (const page of readInTurn(context, 'all', readers)) pages.push(page);
  expect(pages).toEqual([{ series: rotationSeries('all'), records: [], cursor: 'two' }]);
});

describe('the order of turns', () => {
  const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 12 });
  const place = fc.oneof(fc.string(), fc.constant(undefined), fc.constant(null), fc.integer());

  it('holds every series once, whatever place is stored', () => {
    fc.assert(
      fc.property(names, place, (series, stored) => {
        const cursor = (): Json | undefined => stored;
        const turns = rotated(series, (name) => name, { cursor }, 'live');
        expect([...turns].sort()).toEqual([...series].sort());
      }),
    );
  });

  it('comes to every series within as many runs as there are, if each lets one call out', () => {
    fc.assert(
      fc.property(names, fc.boolean(), (series, isBlockedAfter) => {
        const cursors = new Map<string, Json>();
        const context = { cursor: (name: string) => cursors.get(name) };
        const served = new Set<string>();
        for (let run = 0; run < series.length; run += 1) {
          const turns = rotated(series, (name) => name, context, 'live');
          const [first = ''] = turns;
          served.add(first);
          const cut = isBlockedAfter
            ? { at: first, hadTurn: true, failure: failed('blocked') }
            : { at: turns[1 % turns.length] ?? '', hadTurn: false, failure: failed('blocked') };
          const pages: readonly SourcePage[] = [...nextTurn(turns, 'live', cut)];
          for (const page of pages) cursors.set(page.series, page.cursor);
        }
        expect(served.size).toBe(series.length);
        expect([...cursors.keys()].every((name) => name === rotationSeries('live'))).toBe(true);
      }),
    );
  });
});
