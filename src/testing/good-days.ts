/** What must hold while the upstream is well: first run, next run, the same run again, a crash between pages. */
import type { CollectedRecord } from '../kernel/record.js';
import type { Tell } from './finding.js';
import { runSource, type Bench, type Cursors, type Run } from './run.js';

/** Runs until nothing new comes; a source may need several for what it has to catch up with. */
const RUNS_MAX = 10;
/** Crashes are tried after each of the first pages. */
const CRASHES_MAX = 5;

export type Told = (where: string) => Tell;

/** All records of a run; what is no list (plain JavaScript may give anything) is told by other rules. */
export function recordsOf({ pages }: Pick<Run, 'pages'>): readonly CollectedRecord[] {
  const lists: readonly unknown[] = pages.map(({ records }) => records);
  return lists.flatMap((list) => (Array.isArray(list) ? (list as CollectedRecord[]) : []));
}

/** Without what each run tells anew. */
export function lasting(run: Run, snapshots: readonly string[]): readonly CollectedRecord[] {
  return recordsOf(run).filter(({ kind }) => !snapshots.includes(kind));
}

const idsOf = (records: readonly CollectedRecord[]): ReadonlySet<string> =>
  new Set(records.map(({ id }) => id));

export function healthyRules(run: Run, unknown: readonly string[], tell: Tell): void {
  if (run.failure !== undefined) {
    const { outcome, endpoint, message } = run.failure;
    tell('healthy', `good answers ended as ${outcome} at ${endpoint}: ${message}`);
  }
  if (recordsOf(run).length === 0) tell('healthy', 'it collected nothing');
  for (const asked of new Set(unknown)) tell('requests', `nothing answers ${asked}`);
}

export function idRules(run: Run, again: Run, tell: Tell): void {
  const ids = recordsOf(run).map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) tell('ids', `two records of one run have the id ${twice}`);
  const once = new Set(ids);
  const others = recordsOf(again).map(({ id }) => id);
  const other = others.find((id) => !once.has(id));
  if (other !== undefined) tell('ids', `the same answers gave another id: ${other}`);
}

export function cursorRules(run: Run, before: Cursors, tell: Tell): void {
  const seen = new Map<string, string[]>();
  for (const [series, cursor] of before) seen.set(series, [JSON.stringify(cursor)]);
  for (const page of run.pages) {
    const { series, cursor } = page;
    const hasRecords = recordsOf({ pages: [page] }).length > 0;
    const earlier = seen.get(series) ?? [];
    const text = JSON.stringify(cursor);
    const at = earlier.lastIndexOf(text);
    if (at >= 0 && at === earlier.length - 1 && hasRecords)
      tell('cursor', `${series}: records came and the cursor did not move`);
    else if (at >= 0 && at < earlier.length - 1) tell('cursor', `${series}: the cursor went back`);
    seen.set(series, [...earlier, text]);
  }
}

/** The next run with nothing new upstream. */
export function againRules(run: Run, next: Run, snapshots: readonly string[], tell: Tell): void {
  const had = idsOf(lasting(run, snapshots));
  const again = lasting(next, snapshots).filter(({ id }) => had.has(id));
  const [first] = again;
  if (first === undefined) return;
  tell('again', `${String(again.length)} records came again, first ${first.id} (${first.kind})`);
}

/**
 * The process dies between two pages: before the cursor of the last one is kept, so that this page may
 * come again, or right after it, so that nothing may.
 */
export async function crashRules(
  bench: Bench,
  whole: Run,
  snapshots: readonly string[],
  told: Told,
): Promise<void> {
  const wanted = idsOf(lasting(whole, snapshots));
  const pages = Math.min(whole.pages.length, CRASHES_MAX);
  for (let page = 1; page <= pages; page += 1) {
    for (const keepsLast of [false, true]) {
      const moment = keepsLast ? 'its cursor was kept' : 'before its cursor was';
      const tell = told(`a crash after page ${String(page)}, ${moment}`);
      const crashed = await runSource(bench, { pagesMax: page, keepsLast });
      const had = idsOf(lasting(crashed, snapshots));
      const last = keepsLast ? [] : crashed.pages.slice(-1);
      const repeatable = idsOf(recordsOf({ pages: last }));
      const after = await untilQuiet(bench, crashed.cursors, snapshots);
      const repeated = [...after].find((id) => had.has(id) && !repeatable.has(id));
      const lost = [...wanted].filter((id) => !had.has(id) && !after.has(id));
      if (repeated !== undefined)
        tell('crash', `more than the last page came again, first ${repeated}`);
      if (lost[0] !== undefined)
        tell('crash', `${String(lost.length)} records never came, first ${lost[0]}`);
    }
  }
}

async function untilQuiet(
  bench: Bench,
  from: Cursors,
  snapshots: readonly string[],
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let cursors = from;
  for (let runs = 0; runs < RUNS_MAX; runs += 1) {
    const run = await runSource(bench, { cursors });
    const fresh = lasting(run, snapshots).filter(({ id }) => !ids.has(id));
    for (const { id } of fresh) ids.add(id);
    cursors = run.cursors;
    if (fresh.length === 0) break;
  }
  return ids;
}
