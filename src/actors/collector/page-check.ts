/**
 * What a source may yield: its code is somebody else's, and what it yields goes to the sink and into
 * facts. Every page and every end is looked at, and each is bounded.
 */
import { OUTCOMES, type RequestFailure, type SourcePage } from '../../sources/port.js';

/** A page is stored in one piece, and repeated whole after a crash. */
export const RECORDS_PER_PAGE_MAX = 20_000;
export const GAPS_PER_PAGE_MAX = 2_000;
/** A cursor goes into a fact. */
export const CURSOR_CHARS_MAX = 32 * 1024;
/** Ids, kinds and series are keys of the sink. */
export const NAME_CHARS_MAX = 512;
const DEPTH_MAX = 32;
/** The furthest a Date reaches. */
const EPOCH_MS_MAX = 8.64e15;

/** Why a page cannot be; undefined: it can. */
export function pageComplaint(page: unknown): string | undefined {
  if (!isObject(page)) return 'a page must be an object';
  const { series, records, cursor, gaps = [] } = page as Partial<SourcePage>;
  if (!isName(series)) return nameRule('series');
  if (!Array.isArray(records)) return 'records must be an array';
  if (records.length > RECORDS_PER_PAGE_MAX) {
    return tooMany('records', records.length, RECORDS_PER_PAGE_MAX);
  }
  if (cursor === undefined || !isJson(cursor)) return 'cursor must be JSON';
  if (JSON.stringify(cursor).length > CURSOR_CHARS_MAX) {
    return `cursor must be at most ${String(CURSOR_CHARS_MAX)} characters of JSON`;
  }
  return gapsComplaint(gaps) ?? firstComplaint('records', records, recordComplaint);
}

function gapsComplaint(gaps: unknown): string | undefined {
  if (!Array.isArray(gaps)) return 'gaps must be an array';
  if (gaps.length > GAPS_PER_PAGE_MAX) return tooMany('gaps', gaps.length, GAPS_PER_PAGE_MAX);
  return firstComplaint('gaps', gaps, (gap) => {
    if (!isObject(gap)) return 'must be an object';
    const { fromMs, toMs, missing } = gap;
    const isOne = isMoment(fromMs) && isMoment(toMs) && Number.isInteger(missing);
    return isOne ? undefined : 'must have fromMs, toMs and how many are missing';
  });
}

function recordComplaint(record: unknown): string | undefined {
  if (!isObject(record)) return 'must be an object';
  const { id, kind, series, at, data } = record;
  if (!isName(id)) return nameRule('id');
  if (!isName(kind)) return nameRule('kind');
  if (!isName(series)) return nameRule('series');
  if (!isMoment(at)) return 'at must be epoch milliseconds';
  return isObject(data) && !Array.isArray(data) && isJson(data)
    ? undefined
    : 'data must be a JSON object';
}

/** Why what a source returned is no failure; undefined: it is one, or nothing. */
export function endComplaint(end: unknown): string | undefined {
  if (end === undefined) return undefined;
  if (!isObject(end)) return 'it must return a failed reply or nothing';
  const { ok, outcome, message, endpoint, status } = end as Partial<RequestFailure>;
  const isKnown = outcome === 'blocked' || OUTCOMES.some((each) => each === outcome);
  if (ok !== false || !isKnown) return 'it must return a failed reply or nothing';
  const isTold = typeof message === 'string' && (endpoint === '' || isName(endpoint));
  const isWhole = isTold && isStatus(status) && hasDetails(end);
  return isWhole ? undefined : 'the failure it returned is not a whole reply';
}

function hasDetails({ until, upstream, evidence, cause }: Partial<RequestFailure>): boolean {
  if (until !== undefined && !isMoment(until)) return false;
  if (upstream !== undefined && !isName(upstream)) return false;
  if (cause !== undefined && typeof cause !== 'string') return false;
  if (evidence === undefined) return true;
  return isObject(evidence) && isName(evidence.sha256) && Number.isFinite(evidence.bytes);
}

function isStatus(status: unknown): boolean {
  return typeof status === 'number' && Number.isInteger(status) && status >= 0 && status < 1000;
}

function firstComplaint(
  name: string,
  list: readonly unknown[],
  complaintOf: (each: unknown) => string | undefined,
): string | undefined {
  for (let index = 0; index < list.length; index += 1) {
    const complaint = complaintOf(list[index]);
    if (complaint !== undefined) return `${name}[${String(index)}]: ${complaint}`;
  }
  return undefined;
}

function tooMany(what: string, count: number, most: number): string {
  return `a page may have ${String(most)} ${what}, got ${String(count)}`;
}

function nameRule(what: string): string {
  return `${what} must be a string of 1 to ${String(NAME_CHARS_MAX)} characters`;
}

/** `__proto__` would not be a key where names become keys. */
function isName(value: unknown): boolean {
  if (typeof value !== 'string' || value === '__proto__') return false;
  return value.length > 0 && value.length <= NAME_CHARS_MAX;
}

function isMoment(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) <= EPOCH_MS_MAX;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Members that are undefined are left out of JSON, so they may be there. */
function isJson(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (!isObject(value) || depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((each) => isJson(each, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((each) => each === undefined || isJson(each, depth + 1));
}
