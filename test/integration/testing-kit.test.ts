/** The public test kit: a source that keeps its promises passes, and each broken one is found. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Type } from '../../src/public.js';
import type { Answer, ProfileDraft, SourcePage } from '../../src/public.js';
import { judging } from '../../src/sources/profile.js';
import {
  assertSource,
  checkSource,
  CHECKS,
  recordingsIn,
  type CheckName,
  type SourceCheck,
} from '../../src/testing/index.js';
import {
  collect,
  pricesSource,
  pricesUpstream,
  record,
  ROWS,
  schema,
  type Collect,
} from '../support/testing-prices.js';

const GOOD: SourceCheck = { upstream: pricesUpstream };
const asked = { path: '/prices', query: { after: 0 }, schema };

type Broken = {
  readonly what: string;
  readonly check: CheckName;
  readonly says: string;
  readonly collect?: Collect;
  readonly profile?: Partial<ProfileDraft>;
};

/** A well source whose pages are changed on their way out. */
const changed = (change: (page: SourcePage) => unknown): Collect =>
  async function* (context) {
    const pages = collect(context);
    for (;;) {
      const next = await pages.next();
      if (next.done === true) return next.value;
      yield change(next.value) as SourcePage;
    }
  };

const firstRecord = (change: object) =>
  changed((page) => ({ ...page, records: page.records.map((each) => ({ ...each, ...change })) }));

/** One request, then what it comes to. */
const once = (
  end: (rows: typeof ROWS) => SourcePage,
  before?: (context: Parameters<Collect>[0]) => void,
): Collect =>
  async function* (context) {
    before?.(context);
    const reply = await context.request('prices', asked);
    if (!reply.ok) return reply;
    yield end(reply.body.rows);
    return undefined;
  };

let fresh = 0;

const BROKEN: readonly Broken[] = [
  {
    what: 'ends a good day with a failure',
    check: 'healthy',
    says: 'good answers ended as bad_data at prices',
    collect: async function* (context) {
      yield* [];
      const reply = await context.request('prices', {
        ...asked,
        schema: Type.Object({ no: Type.Null() }),
      });
      return reply.ok ? undefined : reply;
    },
  },
  {
    what: 'collects nothing',
    check: 'healthy',
    says: 'it collected nothing',
    collect: once(() => ({ series: 'btc', records: [], cursor: 1 })),
  },
  {
    what: 'throws on a body it did not expect',
    check: 'throws',
    says: 'it threw',
    collect: async function* (context) {
      const reply = await context.request('prices', { ...asked, schema: Type.Any() });
      if (!reply.ok) return reply;
      const { rows } = reply.body as { readonly rows: typeof ROWS };
      yield { series: 'btc', records: rows.map(record), cursor: 5 };
      return undefined;
    },
  },
  {
    what: 'asks again and again',
    check: 'ends',
    says: 'it does not end',
    collect: async function* (context) {
      yield* [];
      for (;;) await context.request('prices', asked);
    },
  },
  {
    what: 'gives moments in seconds',
    check: 'records',
    says: 'at is 1764547200, which looks like seconds',
    collect: firstRecord({ at: 1_764_547_200 }),
  },
  {
    what: 'gives no id',
    check: 'records',
    says: 'id is no text',
    collect: firstRecord({ id: '' }),
  },
  {
    what: 'gives data that is no JSON',
    check: 'records',
    says: 'data.price is no number',
    collect: firstRecord({ data: { price: Number.NaN } }),
  },
  {
    what: 'gives dates as objects',
    check: 'records',
    says: 'data.at is no plain object',
    collect: firstRecord({ data: { at: new Date(0) } }),
  },
  {
    what: 'forgets the cursor',
    check: 'records',
    says: 'cursor is undefined',
    collect: changed(({ series, records }) => ({ series, records })),
  },
  {
    what: 'forgets the records',
    check: 'records',
    says: 'has no list of records',
    collect: changed(({ series, cursor }) => ({ series, cursor })),
  },
  {
    what: 'takes what it does not check',
    check: 'records',
    says: 'records came of values of other types',
    collect: async function* (context) {
      const reply = await context.request('prices', { ...asked, schema: Type.Any() });
      if (!reply.ok) return reply;
      const rows = (reply.body as { readonly rows?: unknown } | null)?.rows;
      const list = Array.isArray(rows) ? rows : [];
      const at = ROWS[0]?.at ?? 0;
      const records = list.map((_, n) => ({ ...record({ n, at, price: 1 }) }));
      yield { series: 'btc', records, cursor: 5 };
      return undefined;
    },
  },
  {
    what: 'makes up its ids',
    check: 'ids',
    says: 'the same answers gave another id',
    collect: changed((page) => ({
      ...page,
      records: page.records.map((each) => ({ ...each, id: `r${String((fresh += 1))}` })),
    })),
  },
  {
    what: 'gives one id to two things',
    check: 'ids',
    says: 'two records of one run have the id same',
    collect: firstRecord({ id: 'same' }),
  },
  {
    what: 'asks an endpoint without a weight',
    check: 'requests',
    says: 'the endpoint volumes is not among the weights',
    collect: async function* (context) {
      const reply = await context.request('volumes', asked);
      if (!reply.ok) return reply;
      return yield* collect(context);
    },
  },
  {
    what: 'asks what the upstream does not have',
    check: 'requests',
    says: 'nothing answers GET /v1/volumes',
    collect: async function* (context) {
      const reply = await context.request('prices', { ...asked, path: '/volumes' });
      if (!reply.ok) return reply;
      return yield* collect(context);
    },
  },
  {
    what: 'stands still',
    check: 'cursor',
    says: 'records came and the cursor did not move',
    collect: once((rows) => ({ series: 'btc', records: rows.map(record), cursor: 'here' })),
  },
  {
    what: 'goes back',
    check: 'cursor',
    says: 'the cursor went back',
    collect: async function* (context) {
      const failure = yield* collect(context);
      if (failure !== undefined) return failure;
      yield { series: 'btc', records: [], cursor: 2 };
      return undefined;
    },
  },
  {
    what: 'begins at the beginning each time',
    check: 'again',
    says: '2 records came again, first btc/1 (price)',
    collect: once((rows) => ({ series: 'btc', records: rows.map(record), cursor: 5 })),
  },
  {
    what: 'moves the cursor ahead of its records',
    check: 'crash',
    says: 'records never came',
    collect: async function* (context) {
      if (context.cursor('btc') !== undefined) return undefined;
      yield { series: 'btc', records: [], cursor: 5 };
      const reply = await context.request('prices', asked);
      if (!reply.ok) return reply;
      yield { series: 'btc', records: reply.body.rows.map(record), cursor: 6 };
      return undefined;
    },
  },
  {
    what: 'moves the cursor only at the end',
    check: 'crash',
    says: 'more than the last page came again, first btc/1',
    collect: async function* (context) {
      const from = Number(context.cursor('end') ?? 0);
      let after = from;
      for (;;) {
        const reply = await context.request('prices', { ...asked, query: { after } });
        if (!reply.ok) return reply;
        const last = reply.body.rows.at(-1);
        if (last === undefined) break;
        yield { series: `page-${String(after)}`, records: reply.body.rows.map(record), cursor: 1 };
        after = last.n;
      }
      if (after > from) yield { series: 'end', records: [], cursor: after };
      return undefined;
    },
  },
  {
    what: 'takes a 429 for a mistake of its own',
    check: 'class',
    says: 'prices is client, must be throttled or quota_exhausted or banned',
    profile: {
      judge: judging({
        provider: 'acme',
        refine: ({ status }) =>
          status === 429 ? { outcome: 'client', message: 'acme answered 429' } : undefined,
      }),
    },
  },
  {
    what: 'does not read Retry-After',
    check: 'class',
    says: 'prices: Retry-After is not read',
    profile: {
      judge: judging({
        provider: 'acme',
        refine: ({ status }) =>
          status === 429 ? { outcome: 'throttled', message: 'acme answered 429' } : undefined,
      }),
    },
  },
  {
    what: 'takes every answer for a good one',
    check: 'class',
    says: 'prices is ok, must be server',
    profile: {
      judge: judging({
        provider: 'acme',
        refine: () => ({ outcome: 'ok', message: 'acme answered' }),
      }),
    },
    collect: async function* (context) {
      const reply = await context.request('prices', { ...asked, schema: Type.Any() });
      yield { series: 'btc', records: [], cursor: 1 };
      return reply.ok ? undefined : reply;
    },
  },
  {
    what: 'swallows failures',
    check: 'failure',
    says: 'a request failed; the run neither ended with it nor warned',
    collect: async function* (context) {
      yield* collect(context);
      return undefined;
    },
  },
  {
    what: 'makes up failures',
    check: 'failure',
    says: 'it ended with a failure that no request gave',
    collect: async function* (context) {
      const failure = yield* collect(context);
      return failure === undefined ? undefined : { ...failure, outcome: 'blocked' };
    },
  },
  {
    what: 'repeats what the upstream says',
    check: 'secrets',
    says: 'ACME_KEY stands in the message of an outcome',
    profile: {
      judge: judging({
        provider: 'acme',
        refine: ({ status, text }: Answer) =>
          status === 400 ? { outcome: 'client', message: text } : undefined,
      }),
    },
  },
  {
    what: 'goes on after an abort',
    check: 'signal',
    says: 'more requests after the abort',
    collect: async function* (context) {
      const first = await context.request('prices', asked);
      for (let n = 0; !first.ok && n < 5; n += 1) await context.request('prices', asked);
      return first.ok ? yield* collect(context) : first;
    },
  },
];

describe('the test kit', () => {
  it('finds nothing in a source that keeps its promises', async () => {
    expect(await checkSource(pricesSource(), GOOD)).toEqual([]);
    await expect(assertSource(pricesSource(), GOOD)).resolves.toBeUndefined();
  });

  it.each(BROKEN)('finds one that $what', async ({ check, says, collect: broken, profile }) => {
    const found = await checkSource(pricesSource(broken, profile), GOOD);
    const lines = found.map((each) => `${each.check}: ${each.message}`).join('\n');
    expect(lines).toMatch(new RegExp(`^${check}: .*${says.replace(/[()]/g, '\\$&')}`, 'm'));
  });

  it('has a broken source for each of its checks', () => {
    expect(new Set(BROKEN.map(({ check }) => check))).toEqual(new Set(CHECKS));
  });

  it('fails a test with every finding, a line each', async () => {
    const broken = pricesSource(firstRecord({ id: '', at: 1.5 }));
    await expect(assertSource(broken, GOOD)).rejects.toThrow(
      /the source prices breaks promises:\n {2}records: page 1: id is no text.*\n.*at is no whole/,
    );
  });

  it('leaves out what it is told to', async () => {
    const broken = pricesSource(
      once((rows) => ({ series: 'b', records: rows.map(record), cursor: 5 })),
    );
    const names = async (check: SourceCheck): Promise<readonly string[]> =>
      (await checkSource(broken, { ...GOOD, ...check })).map(({ check: name }) => name);
    expect(await names({})).toContain('again');
    expect(await names({ snapshots: ['price'] })).not.toContain('again');
    expect(await names({ leaveOut: ['again', 'cursor', 'crash'] })).toEqual([]);
  });

  it('needs something that answers', async () => {
    await expect(checkSource(pricesSource(), {})).rejects.toThrow('give recordings');
  });
});

describe('recordings', () => {
  function folder(files: Readonly<Record<string, unknown>>): string {
    const path = mkdtempSync(join(tmpdir(), 'headgate-kit-'));
    onTestFinished(() => {
      rmSync(path, { recursive: true, force: true });
    });
    for (const [name, content] of Object.entries(files))
      writeFileSync(
        join(path, name),
        typeof content === 'string' ? content : JSON.stringify(content),
      );
    return path;
  }

  const exchange = (after: number, status = 200, body?: unknown): unknown => ({
    notes: 'for people',
    request: { method: 'GET', url: `https://api.acme.example/v1/prices?after=${String(after)}` },
    response: {
      status,
      headers: { 'Content-Length': '3', date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
      body: body ?? { rows: ROWS.filter(({ n }) => n > after).slice(0, 2) },
    },
  });

  const pages = { 'a.json': exchange(0), 'b.json': exchange(2), 'c.json': exchange(4) };

  it('of each page are enough: the one whose query is most alike answers', async () => {
    const recordings = folder({
      ...pages,
      'd.json': exchange(5),
      'over.json': exchange(0, 429, 'slow down'),
      'README.md': 'no recording',
    });
    const expected = { over: 'throttled', a: 'ok' } as const;
    expect(await checkSource(pricesSource(), { recordings, expected })).toEqual([]);
  });

  it('that are judged otherwise than expected are told', async () => {
    const recordings = folder({ ...pages, 'd.json': exchange(5), 'over.json': exchange(0, 429) });
    const found = await checkSource(pricesSource(), {
      recordings,
      expected: { over: 'banned', gone: 'ok' },
    });
    expect(found).toEqual([
      { check: 'class', where: 'recordings', message: 'there is no recording gone' },
      { check: 'class', where: 'the recording over', message: 'is throttled, must be banned' },
    ]);
  });

  it('that lack a request are told by what was asked', async () => {
    const recordings = recordingsIn(
      folder({
        'x.json': {
          ...(exchange(0) as object),
          request: { method: 'GET', url: 'https://api.acme.example/v1/other' },
        },
      }),
    );
    const found = await checkSource(pricesSource(), { recordings });
    expect(found.map(({ message }) => message)).toContain('nothing answers GET /v1/prices');
  });

  it('that are none are named', () => {
    expect(() => recordingsIn(folder({ 'bad.json': '{' }))).toThrow(/bad\.json is no JSON/);
    expect(() => recordingsIn(folder({ 'odd.json': {} }))).toThrow(/odd\.json is no recording/);
  });
});
