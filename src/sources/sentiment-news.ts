/**
 * Reads news by NewsAPI for a list of queries, within its small plan.
 *
 * N1 Each call buys a silence of PACE_MS, and a run makes CALLS_PER_RUN_MAX at the most: so it stays at
 *    80 % of 50 requests in 12 h (and of 100 in 24 h), and within a run above it, however many queries
 *    and pages there are. The cursor remembers when the silence is over, and whose turn it is.
 * N2 Answers come newest first, so a query is read in sweeps: from the newest article down to where the
 *    sweep before began, less an overlap, for articles are indexed late. A sweep that is not done goes
 *    on in the next run; `to` pins it, so that what is published meanwhile does not move its pages.
 * N3 An article is one record, whichever queries and pages it is in. Ids of the overlap are remembered.
 * N4 The plan ends at a number of results (426): that ends the sweep, what lies beyond is a gap, and
 *    no page beyond is asked for again for a week.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DAY_MS, HOUR_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { isOfSeries } from './blame.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { RequestFailure, SourceContext, SourcePage } from './port.js';
import {
  articleRecords,
  ARTICLES_PER_PAGE,
  articlesSchema,
  NEWS_SERIES,
  type ArticlesBody,
} from './sentiment-articles.js';

/** N1: 12 h over 80 % of 50. */
export const PACE_MS: DurationMs = (12 * HOUR_MS) / 40;
/** N1: 40 in 12 h and these are 47, what the limiter's margin leaves of 50. */
export const CALLS_PER_RUN_MAX = 7;
/** Pages of one query in a run. */
export const PAGES_PER_RUN_MAX = 5;
/** Pages of one sweep, over all runs. */
export const SWEEP_PAGES_MAX = 50;
/** N2: how late an article may be indexed and still be found. */
export const OVERLAP_MS: DurationMs = HOUR_MS;
/** Further back than this the free plan refuses to look. */
export const REACH_MS: DurationMs = 28 * DAY_MS;
/** N3: marks of articles of the overlap; beyond it articles come twice, with equal ids. */
export const SEEN_MAX = 200;
const MARK_CHARS = 12;
const PLAN_END_LASTS_MS: DurationMs = 7 * DAY_MS;
export const QUERIES_MAX = 20;
export const QUERY_CHARS_MAX = 500;

/** N1: more than this no run can buy; a clock that was set back must not silence it for ever. */
const SILENCE_MAX_MS: DurationMs = CALLS_PER_RUN_MAX * PACE_MS;

const moment = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 });
const sweepSchema = Type.Object({
  /** The next page. */
  page: Type.Integer({ minimum: 2 }),
  from: moment,
  to: moment,
  newest: moment,
  oldest: moment,
  /** Articles the upstream has and the sweep did not bring yet. */
  left: Type.Integer({ minimum: 0 }),
});
const querySchema = Type.Object({
  newest: Type.Optional(moment),
  sweep: Type.Optional(sweepSchema),
  /** N1: when it was asked last; who waits longest is next. */
  asked: Type.Optional(moment),
});
const cursorSchema = Type.Object({
  /** N1: nothing is asked before. */
  due: moment,
  queries: Type.Record(Type.String({ maxLength: QUERY_CHARS_MAX }), querySchema),
  /** N3. The moment of each goes along: what the overlap has left behind is forgotten. */
  seen: Type.Array(Type.Tuple([Type.String({ maxLength: MARK_CHARS }), moment]), {
    maxItems: SEEN_MAX,
  }),
  /** N4. */
  plan: Type.Optional(Type.Object({ pages: Type.Integer({ minimum: 1 }), until: moment })),
});
export type NewsCursor = Static<typeof cursorSchema>;
type QueryState = Static<typeof querySchema>;
type Sweep = Static<typeof sweepSchema>;

export type NewsOptions = {
  readonly queries: readonly string[];
  readonly language?: string;
  readonly newsDays: number;
};
type Context = SourceContext<NewsOptions>;

/** What a run did so far; `marks` are of what it stored and of what the cursor remembers (N3). */
type Asking = {
  cursor: NewsCursor;
  calls: number;
  readonly begunAt: EpochMs;
  readonly marks: Set<string>;
};

export async function* readNews(context: Context): Pages {
  const begunAt = context.now();
  const cursor = stored(context);
  const marks = new Set(cursor.seen.map(([mark]) => mark));
  const asking: Asking = { cursor, calls: 0, begunAt, marks };
  const silence = asking.cursor.due - begunAt;
  if (silence > 0 && silence <= SILENCE_MAX_MS) return undefined; // N1
  let first: RequestFailure | undefined;
  for (const query of inTurn(context.options.queries, asking.cursor)) {
    const failure = yield* readQuery(context, query, asking);
    if (failure === undefined) continue;
    if (failure.outcome === 'blocked' || failure.outcome === 'cancelled') return failure;
    const isOfQuery = isOfSeries(failure);
    // What made it fail may lie in the sweep: the next one begins anew.
    if (isOfQuery) moveTo(asking, query, withoutSweep(asking.cursor.queries[query]));
    // A call that was made counts, whatever became of it: else a refusal were asked for every run.
    yield page(asking, []);
    if (!isOfQuery) return failure;
    first ??= failure;
  }
  return first;
}

function inTurn(queries: readonly string[], cursor: NewsCursor): readonly string[] {
  const asked = (query: string): EpochMs => cursor.queries[query]?.asked ?? 0;
  return [...new Set(queries)].sort((a, b) => asked(a) - asked(b));
}

function stored(context: Context): NewsCursor {
  const found = storedCursor(context, NEWS_SERIES, cursorSchema);
  if (found === undefined) return { due: 0, queries: {}, seen: [] };
  const asked = new Set(context.options.queries);
  const soon = context.now() + AHEAD_MAX_MS;
  // Queries that are no longer asked are forgotten, and so is what would be silent until some day.
  const queries = Object.entries(found.queries).filter(
    ([query, { newest = 0 }]) => asked.has(query) && newest <= soon,
  );
  return { ...found, queries: Object.fromEntries(queries) };
}

async function* readQuery(context: Context, query: string, asking: Asking): Pages {
  for (let pages = 0; pages < PAGES_PER_RUN_MAX; pages += 1) {
    if (asking.calls >= CALLS_PER_RUN_MAX) return undefined; // N1
    const state = asking.cursor.queries[query] ?? {};
    const cut = pastPlan(state.sweep, asking);
    if (cut !== undefined) {
      yield page(moveTo(asking, query, { newest: cut.newest }), [], gapOf(state));
      return undefined;
    }
    const reply = await request(context, query, state);
    if (reply.ok || reply.outcome !== 'blocked') asking.calls += 1;
    if (!reply.ok) {
      if (reply.status !== 426 || state.sweep === undefined) return reply;
      const plan = { pages: state.sweep.page - 1, until: asking.begunAt + PLAN_END_LASTS_MS };
      asking.cursor = { ...asking.cursor, plan }; // N4
      yield page(moveTo(asking, query, { newest: state.sweep.newest }), [], gapOf(state));
      return undefined;
    }
    const { records, odd } = articleRecords(reply.body.articles, context.now());
    if (odd > 0) context.warn(`newsapi: ${String(odd)} articles left out: they cannot be`);
    const fresh = records.filter(({ id }) => !asking.marks.has(markOf(id))); // N3
    for (const { id } of fresh) asking.marks.add(markOf(id));
    const next = stateAfter(context, state, reply.body, records);
    const seen = fresh.map(({ id, at }): [string, EpochMs] => [markOf(id), at]);
    asking.cursor = { ...asking.cursor, seen: [...seen, ...asking.cursor.seen] };
    yield page(moveTo(asking, query, next), fresh);
    if (next.sweep === undefined) return undefined;
  }
  return undefined; // N2
}

/** The sweep, if its next page is one the plan does not have (N4). */
function pastPlan(
  sweep: Sweep | undefined,
  { cursor: { plan }, begunAt }: Asking,
): Sweep | undefined {
  if (sweep === undefined || plan === undefined || begunAt >= plan.until) return undefined;
  return sweep.page > plan.pages ? sweep : undefined;
}

function request(
  context: Context,
  query: string,
  state: QueryState,
): ReturnType<typeof context.request<typeof articlesSchema>> {
  const { language } = context.options;
  const { sweep } = state;
  return context.request('everything', {
    path: '/everything',
    query: {
      q: query,
      language,
      sortBy: 'publishedAt',
      from: second(sweep?.from ?? startOf(context, state)),
      to: sweep === undefined ? undefined : second(sweep.to),
      pageSize: ARTICLES_PER_PAGE,
      page: sweep?.page ?? 1,
    },
    schema: articlesSchema,
    upstream: 'newsapi',
    priority: sweep === undefined ? 'live' : 'backfill',
  });
}

/** Where a new sweep ends: where the one before began, less the overlap; or so many days back. */
function startOf(context: Context, { newest }: QueryState): EpochMs {
  const now = context.now();
  const wanted =
    newest === undefined ? now - context.options.newsDays * DAY_MS : newest - OVERLAP_MS;
  return Math.max(0, wanted, now - REACH_MS);
}

/** Moments go over the wire in whole seconds, UTC, without a zone. */
function second(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, 19);
}

/** After a page: the sweep goes on, or ends and leaves where the next begins. */
function stateAfter(
  context: Context,
  state: QueryState,
  { articles, totalResults }: ArticlesBody,
  records: readonly { readonly at: EpochMs }[],
): QueryState {
  const { sweep } = state;
  const moments = records.map(({ at }) => at);
  const newest = Math.max(sweep?.newest ?? state.newest ?? 0, ...moments);
  const read = sweep?.page ?? 1;
  const left = Math.max(0, totalResults - (read - 1) * ARTICLES_PER_PAGE - articles.length);
  const isDone = left === 0 || articles.length < ARTICLES_PER_PAGE || read >= SWEEP_PAGES_MAX;
  if (isDone) return newest > 0 ? { newest } : {};
  const begun = sweep ?? beginSweep(startOf(context, state), newest);
  const oldest = Math.min(begun.oldest, ...moments);
  return { ...withoutSweep(state), sweep: { ...begun, page: read + 1, newest, oldest, left } };
}

function beginSweep(from: EpochMs, newest: EpochMs): Omit<Sweep, 'page' | 'left'> {
  return { from, to: Math.max(newest, from), newest, oldest: newest };
}

/** What a sweep that was cut did not bring. Of a first sweep nothing was promised. */
function gapOf({ newest, sweep }: QueryState): SourcePage['gaps'] {
  if (newest === undefined || sweep === undefined || sweep.left === 0) return undefined;
  if (sweep.oldest <= sweep.from) return undefined;
  return [{ fromMs: sweep.from, toMs: sweep.oldest, missing: sweep.left }];
}

function moveTo(asking: Asking, query: string, state: QueryState): Asking {
  const asked = { ...state, asked: asking.begunAt };
  const queries = { ...asking.cursor.queries, [query]: asked };
  asking.cursor = { ...asking.cursor, queries };
  return asking;
}

function withoutSweep({ newest }: QueryState = {}): QueryState {
  return newest === undefined ? {} : { newest };
}

function page(
  asking: Asking,
  records: SourcePage['records'],
  gaps?: SourcePage['gaps'],
): SourcePage {
  const { begunAt, calls, cursor } = asking;
  const starts = Object.values(cursor.queries).map(({ newest }) => (newest ?? 0) - OVERLAP_MS);
  const from = Math.min(...starts);
  const seen = cursor.seen
    .filter(([, at]) => at >= from)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SEEN_MAX);
  asking.cursor = { ...cursor, due: begunAt + calls * PACE_MS, seen };
  return { series: NEWS_SERIES, records, cursor: asking.cursor, ...(gaps && { gaps }) };
}

function markOf(id: string): string {
  return id.slice('article:'.length, 'article:'.length + MARK_CHARS);
}
