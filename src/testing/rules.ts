/** What must hold of any run, whatever its upstream does. */
import type { Keys } from '../sources/port.js';
import type { Tell } from './finding.js';
import type { Run } from './run.js';

const TEXT_MAX = 512;
/** Cursors are written into events. */
const CURSOR_CHARS_MAX = 32 * 1024;
/** As the service takes them; more is a crash of the source. */
const RECORDS_PER_PAGE_MAX = 20_000;
/** Before it, a moment in milliseconds is likelier one in seconds. */
const SECONDS_BEFORE_MS = 10_000_000_000;

export function runRules(run: Run, keys: Keys, tell: Tell): void {
  if (run.threw !== undefined) tell('throws', `it threw: ${run.threw}`);
  if (!run.hasEnded) tell('ends', 'it does not end: over its pages, its requests or its time');
  pageRules(run, tell);
  for (const { endpoint, isDeclared } of run.asked) {
    if (!isDeclared) tell('requests', `the endpoint ${endpoint} is not among the weights`);
  }
  failureRules(run, tell);
  secretRules(run, keys, tell);
}

function pageRules({ pages }: Run, tell: Tell): void {
  for (const [index, page] of pages.entries()) {
    const at = `page ${String(index + 1)}`;
    const { series, records, cursor } = page as Readonly<Record<keyof typeof page, unknown>>;
    if (!isText(series)) tell('records', `${at} has no series of 1 to ${String(TEXT_MAX)} chars`);
    const odd = oddJson(cursor, 'cursor');
    if (odd !== undefined) tell('records', `${at}: ${odd}`);
    else if (JSON.stringify(cursor).length > CURSOR_CHARS_MAX)
      tell('records', `${at}: a cursor of over ${String(CURSOR_CHARS_MAX)} characters`);
    if (!Array.isArray(records)) tell('records', `${at} has no list of records`);
    else if (records.length > RECORDS_PER_PAGE_MAX)
      tell('records', `${at} has over ${String(RECORDS_PER_PAGE_MAX)} records`);
    else for (const record of records as readonly unknown[]) recordRules(record, at, tell);
  }
}

function recordRules(value: unknown, at: string, tell: Tell): void {
  if (typeof value !== 'object' || value === null) {
    tell('records', `${at}: a record is no object`);
    return;
  }
  const { id, kind, series, at: moment, data } = value as Readonly<Record<string, unknown>>;
  for (const [name, text] of Object.entries({ id, kind, series })) {
    if (!isText(text))
      tell('records', `${at}: ${name} is no text of 1 to ${String(TEXT_MAX)} chars`);
  }
  if (!Number.isSafeInteger(moment))
    tell('records', `${at}: at is no whole number of milliseconds`);
  else if (Number(moment) > 0 && Number(moment) < SECONDS_BEFORE_MS)
    tell('records', `${at}: at is ${String(moment)}, which looks like seconds`);
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data);
  const odd = isObject ? oddJson(data, 'data') : 'data is no object';
  if (odd !== undefined) tell('records', `${at}: ${odd}`);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= TEXT_MAX;
}

/** The first place that would not come back from JSON as it went in. */
function oddJson(value: unknown, at: string): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${at} is no number`;
  if (typeof value !== 'object') return `${at} is ${typeof value}, which is no JSON`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  if (!isPlain) return `${at} is no plain object`;
  for (const [name, member] of Object.entries(value)) {
    const odd = oddJson(member, `${at}.${name}`);
    if (odd !== undefined) return odd;
  }
  return undefined;
}

/** What failed is the end of the run, or at least said: else a broken source would look well. */
function failureRules({ failure, asked, warnings, hasEnded, threw }: Run, tell: Tell): void {
  const failures = asked.flatMap((each) => each.failure ?? []);
  if (failure !== undefined) {
    const isKnown = failures.some(
      ({ outcome, endpoint }) => outcome === failure.outcome && endpoint === failure.endpoint,
    );
    if (!isKnown) tell('failure', 'it ended with a failure that no request gave');
    return;
  }
  const isSilent = failures.some(({ outcome }) => outcome !== 'cancelled') && warnings === 0;
  if (isSilent && hasEnded && threw === undefined)
    tell('failure', 'a request failed; the run neither ended with it nor warned');
}

const KEY_CHARS_MIN = 8;

function secretRules(run: Run, keys: Keys, tell: Tell): void {
  const places: Readonly<Record<string, string>> = {
    'a page': textOf(run.pages),
    'a log line or warning': run.said.join('\n'),
    'what it threw': run.threw ?? '',
    'the failure of the run': run.failure?.message ?? '',
    'the message of an outcome': run.asked
      .flatMap(({ verdict, failure }) => [verdict.message, verdict.warning, failure?.message])
      .join('\n'),
    'a path or query the source wrote': run.asked.map(({ wrote }) => wrote).join('\n'),
  };
  for (const [variable, key] of Object.entries(keys)) {
    if (key.length < KEY_CHARS_MIN) continue;
    for (const [place, text] of Object.entries(places)) {
      if (text.includes(key)) tell('secrets', `${variable} stands in ${place}`);
    }
  }
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '';
  }
}
