/**
 * One run of a source: pulls page after page, hands each to the sink, then moves the cursor.
 *
 * R1 A page is durable in the sink before `RunProgressed` moves the cursor.
 * R5 What a source yields or returns is looked at and bounded before anything is made of it.
 */
import { canonicalJson } from '../../kernel/canonical.js';
import { messageOf } from '../../kernel/errors.js';
import type { Json, JsonObject } from '../../kernel/types.js';
import type { RequestFailure, SourceContext, SourcePage } from '../../sources/port.js';
import { request } from '../door.js';
import type { DoorRun } from '../door-parts.js';
import { redacted, secretsOf } from '../door-secrets.js';
import type { Page } from './commands.js';
import { endComplaint, pageComplaint } from './page-check.js';
import type { RuntimeDeps } from './runtime-parts.js';
import { runWatch, type RunWatch } from './watch.js';

/** What ended a run before its source was done: a request, the sink, or the source itself. */
export type Ended = Omit<RequestFailure, 'ok' | 'outcome'> & { readonly outcome: string };

/** A run may hold this many pages; a source that never ends is cut there and goes on next time. */
const PAGES_MAX = 10_000;
/** Series of one collector: each has a cursor in its state. */
export const SERIES_MAX = 10_000;

/** Answers the failure that ended the run, if one did. Throws what the source threw. */
export async function runSource(deps: RuntimeDeps, run: DoorRun): Promise<Ended | undefined> {
  const watch = runWatch(deps.clock, run.signal);
  try {
    return await pull(deps, run, watch);
  } finally {
    watch.close();
  }
}

async function pull(deps: RuntimeDeps, run: DoorRun, watch: RunWatch): Promise<Ended | undefined> {
  const collecting = deps.source.collect(sourceContext(deps, run, watch));
  let isGivenUp = false;
  try {
    for (let count = 0; count < PAGES_MAX; count += 1) {
      const next = await Promise.race([collecting.next(), watch.givenUp]);
      if ('givenUp' in next) {
        isGivenUp = true;
        return stop(next.givenUp, `source given up: ${next.why}`);
      }
      if (next.done === true) return wholeEnd(next.value);
      const page = next.value;
      const failure = await watch.page(() => takePage(deps, run, page));
      if (failure !== undefined) return failure;
    }
    deps.log.warn('run cut: too many pages', { run: run.run, pages: PAGES_MAX });
    return undefined;
  } finally {
    // One that is given up may never come back from what it is in.
    const left = Promise.race([collecting.return(undefined), watch.givenUp]);
    if (isGivenUp) left.catch(() => undefined);
    else await left;
  }
}

function wholeEnd(end: RequestFailure | undefined): Ended | undefined {
  const complaint = endComplaint(end);
  return complaint === undefined ? end : stop('crashed', `source crashed: ${complaint}`);
}

function stop(outcome: string, message: string): Ended {
  return { outcome, message, endpoint: '', status: 0 };
}

/** R1: sink first, cursor second. A failure of either ends the run; the cursor stays. */
async function takePage(
  deps: RuntimeDeps,
  run: DoorRun,
  page: SourcePage,
): Promise<Ended | undefined> {
  const { cursors } = deps.handle.state().context;
  const complaint = pageComplaint(page) ?? seriesComplaint(cursors, page.series);
  if (complaint !== undefined) return stop('crashed', `source crashed: ${complaint}`); // R5
  const { series, records } = page;
  const cursor = canonicalJson(page.cursor);
  const known = cursors[series];
  if (records.length === 0 && known?.cursor === cursor) return undefined;
  const ordinal = (known?.ordinal ?? 0) + 1;
  const collectedAt = deps.clock.now();
  const failed = (message: string): Ended =>
    stop(run.signal.aborted ? 'cancelled' : 'sink', message);
  let newRecords: number;
  try {
    const stored = { collector: deps.name, run: run.run, series, records };
    const written = await deps.sink.write({ ...stored, cursor, ordinal, collectedAt });
    newRecords = written.added + written.changed;
  } catch (thrown) {
    return failed(`records not stored: ${messageOf(thrown)}`);
  }
  const answer = await deps.handle.ask(
    { type: 'Progress', run: run.run, page: progressOf(page, cursor, ordinal, newRecords) },
    deps.system(`run ${run.run}`),
  );
  return answer.ok ? undefined : failed(answer.refusal.detail);
}

function progressOf(
  { series, records, gaps = [] }: SourcePage,
  cursor: string,
  ordinal: number,
  newRecords: number,
): Page {
  const newestAt = records.reduce<number | undefined>(
    (max, r) => Math.max(max ?? r.at, r.at),
    undefined,
  );
  const counts = { records: records.length, newRecords };
  return { series, cursor, ordinal, ...counts, gaps, ...(newestAt !== undefined && { newestAt }) };
}

function seriesComplaint(
  cursors: Readonly<Record<string, unknown>>,
  series: string,
): string | undefined {
  if (Object.hasOwn(cursors, series) || Object.keys(cursors).length < SERIES_MAX) return undefined;
  return `a collector may have ${String(SERIES_MAX)} series`;
}

/** All that a source gets to see of the world. */
function sourceContext(
  deps: RuntimeDeps,
  run: DoorRun,
  watch: RunWatch,
): SourceContext<JsonObject> {
  return {
    options: deps.options,
    cursor(series) {
      const { cursors } = deps.handle.state().context;
      const known = Object.hasOwn(cursors, series) ? cursors[series] : undefined;
      const value = known === undefined ? undefined : (JSON.parse(known.cursor) as Json);
      return value ?? undefined;
    },
    now: () => deps.clock.now(),
    signal: run.signal,
    log: deps.log,
    warn: run.warn,
    request: (endpoint, spec) => watch.request(() => request(deps.door, run, endpoint, spec)),
  };
}

/** P14: a text of a source, without what opens its upstreams. */
export function withoutSecrets({ door }: Pick<RuntimeDeps, 'door'>, text: string): string {
  return redacted(text, [...door.upstreams.values()].flatMap(secretsOf));
}
