/** The pages that everyone polls, as ready texts: the list, one collector, health and costs. */
import type { Static } from '@sinclair/typebox';
import type { Engine } from '../actors/engine.js';
import type { Clock } from '../kernel/time.js';
import { isoTime } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import type { CostView, Views } from '../projections/views.js';
import { PAGE_SIZE_MAX } from './inputs.js';
import type { listInput } from './inputs.js';
import type { Answer } from './answer.js';
import { pieces } from './pieces.js';
import type { Piece, Pieces } from './pieces.js';
import { collectorLine, collectorNow, healthLine } from './shapes/collector.js';
import { phaseOf, subjectNow } from './shapes/collector.js';
import type { Subject } from './shapes/collector.js';
import { costLine, costTotals } from './shapes/costs.js';

/** What depends on time or lives in memory only is shown at most this late. */
export const PAGE_AGE_MAX_MS = 1_000;

export type ListFilter = Static<typeof listInput>;

export type StatusPages = {
  /** `after`: the last name of the page before. */
  list(filter: ListFilter, after: string | undefined): Answer;
  /** Names of the collectors that pass; the filter's page is ignored. */
  names(filter: ListFilter): readonly string[];
  one(name: string): Answer | undefined;
  health(): Answer;
  costs(): Answer;
  /** The collector as it is now, past every cache. */
  subject(name: string): Subject | undefined;
};

export type StatusPagesParts = {
  readonly engine: Engine;
  readonly views: Views;
  readonly clock: Clock;
  readonly maxAgeMs?: DurationMs;
};

const member = (name: string, value: object): string =>
  `${JSON.stringify(name)}:${JSON.stringify(value)}`;

/** Makes an answer of a whole list once per list (G3). */
function oncePerList<T>(make: (list: readonly Piece<T>[]) => string) {
  let last: { readonly list: readonly Piece<T>[]; readonly answer: Answer } | undefined;
  return (list: readonly Piece<T>[]): Answer => {
    if (last?.list !== list) last = { list, answer: { text: make(list), shared: true } };
    return last.answer;
  };
}

function matches(filter: ListFilter, piece: Piece<Subject>): boolean {
  const subject = piece.told;
  const { collector } = subject.docs;
  const { state, type, status, q } = filter;
  if (type !== undefined && collector.type !== type) return false;
  if (status !== undefined && subject.health.health !== status) return false;
  if (q !== undefined && !collector.name.toLowerCase().includes(q.toLowerCase())) return false;
  if (state === undefined) return true;
  if (state === 'enabled') return collector.desired.enabled;
  if (state === 'disabled') return !collector.desired.enabled;
  if (state === 'suspended') return collector.suspended !== null;
  return phaseOf(subject) === state;
}

type ListPage = {
  readonly list: readonly Piece<unknown>[];
  readonly total: number;
  /** The name after which the next page begins. */
  readonly next: string | undefined;
};

function listText({ list, total, next }: ListPage, timestamp: string): string {
  const token = next === undefined ? 'null' : JSON.stringify(tokenOf(next));
  const members = list.map((piece) => piece.text).join(',');
  const tail = `"total_count":${String(total)},"next_page_token":${token}`;
  return `{"collectors":{${members}},${tail},"timestamp":"${timestamp}"}`;
}

/** A page token says after which name the next page begins. */
export function tokenOf(name: string): string {
  return Buffer.from(name, 'utf8').toString('base64url');
}

/** The name in a page token, or undefined when we never made this token. */
export function nameOfToken(token: string): string | undefined {
  const name = Buffer.from(token, 'base64url').toString('utf8');
  return name !== '' && tokenOf(name) === token ? name : undefined;
}

function pageOf(
  matching: readonly Piece<Subject>[],
  size: number,
  after: string | undefined,
): ListPage {
  const from = after === undefined ? 0 : matching.findIndex((piece) => piece.name > after);
  const list = from < 0 ? [] : matching.slice(from, from + size);
  const more = from >= 0 && from + size < matching.length;
  return { list, total: matching.length, next: more ? list.at(-1)?.name : undefined };
}

/** Ready answers over engine and views; nothing here changes either. */
export function statusPages({ engine, views, clock, maxAgeMs }: StatusPagesParts): StatusPages {
  const source = {
    names: () => views.names(),
    changes: (name: string) => views.changes(name),
    clock,
    maxAgeMs: maxAgeMs ?? PAGE_AGE_MAX_MS,
  };
  const now = (): string => isoTime(clock.now());
  const subject = (name: string): Subject | undefined =>
    subjectNow(views, engine.live(name), name, clock.now());

  const lines: Pieces<Subject> = pieces(source, (name) => {
    const told = subject(name);
    return told && { told, text: member(name, collectorLine(told)) };
  });
  const pages: Pieces<Answer> = pieces(source, (name) => {
    const told = subject(name);
    if (told === undefined) return undefined;
    const text = `{"collector":${JSON.stringify(collectorNow(told, views))}}`;
    return { text, told: { text, shared: true, etag: told.docs.etag } };
  });
  const healths: Pieces<undefined> = pieces(source, (name) => {
    const told = subject(name);
    return told && { told: undefined, text: member(name, healthLine(told)) };
  });
  const costs: Pieces<CostView> = pieces(source, (name, at) => {
    const told = views.costs(name, at);
    return told && { told, text: member(name, costLine(told)) };
  });

  const everyLine = oncePerList<Subject>((list) =>
    listText({ list, total: list.length, next: undefined }, now()),
  );
  const everyHealth = oncePerList<undefined>((list) => {
    const members = list.map((piece) => piece.text).join(',');
    const count = String(list.length);
    return `{"collectors":{${members}},"collector_count":${count},"timestamp":"${now()}"}`;
  });
  const everyCost = oncePerList<CostView>((list) => {
    const members = list.map((piece) => piece.text).join(',');
    const totals = JSON.stringify(costTotals(list.map((piece) => piece.told)));
    return `{"collectors":{${members}},"totals":${totals},"timestamp":"${now()}"}`;
  });

  return {
    subject,
    names: (filter) =>
      lines
        .all()
        .filter((piece) => matches(filter, piece))
        .map(({ name }) => name),
    one: (name) => pages.get(name)?.told,
    health: () => everyHealth(healths.all()),
    costs: () => everyCost(costs.all()),
    list(filter, after) {
      const all = lines.all();
      const isWhole = Object.keys(filter).length === 0 && all.length <= PAGE_SIZE_MAX;
      if (isWhole) return everyLine(all);
      const matching = all.filter((piece) => matches(filter, piece));
      const page = pageOf(matching, filter.page_size ?? PAGE_SIZE_MAX, after);
      return { text: listText(page, now()), shared: false };
    },
  };
}
