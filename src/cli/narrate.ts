/** The demo's calm voice: one line for each change a person would want to know of, none for the rest. */
import type { StoredEvent } from '../journal/port.js';
import { entityOf } from '../kernel/ids.js';
import { isoTime } from '../kernel/time.js';
import type { JsonObject } from '../kernel/types.js';

/** What a fact says in a few words; undefined: nothing that a person would want to know of. */
export function saidOf(type: string, data: JsonObject): string | undefined {
  return TELLERS[type]?.(data);
}

/** A line for an event worth telling, or undefined. Times are local to UTC, to the second. */
export function narrate(event: StoredEvent): string | undefined {
  const said = saidOf(event.type, event.data);
  if (said === undefined) return undefined;
  const at = event.metadata.recordedAt.slice(11, 19);
  const by = event.metadata.actor === 'system' ? '' : `  (by ${event.metadata.actor})`;
  return `${at}  ${entityOf(event.stream).padEnd(16)} ${said}${by}`;
}

/** Most streams whose last words are remembered; beyond it all are forgotten. */
const REMEMBERED_MAX = 1000;
/** What may go on for long: told when it begins, not at every run. */
const REPEATED = new Set(['RunFailed', 'RunBlocked']);

/** A rate that comes back step by step is told of when it has grown so much since it was told last. */
const RATE_STEP = 1.5;

/** What a run warned of is alike when it differs in its figures and moments only. */
const alike = (line: string): string => line.replaceAll(/\d+/g, '#');

/** Of runs that warn of the same thing, one after the other, only the first tells of it. */
function warnedOnce(): (event: StoredEvent) => StoredEvent {
  const last = new Map<string, string>();
  return (event) => {
    if (event.type !== 'RunSucceeded') return event;
    const { data, stream } = event;
    const said = alike(warningOf(data));
    const isAgain = said !== '' && last.get(stream) === said;
    if (last.size >= REMEMBERED_MAX) last.clear();
    last.set(stream, said);
    return isAgain ? { ...event, data: { ...data, warnings: [] } } : event;
  };
}

/** A collector that asks for more than its rate waits between any two runs: told once a minute. */
const HELD_TOLD_EVERY_MS = 60_000;

function heldOnce(): (event: StoredEvent) => boolean {
  const toldAt = new Map<string, number>();
  return ({ data, stream, type }) => {
    if (type !== 'RunBlocked') return false;
    const [key, at] = [`${stream} ${text(data, 'cause')}`, number(data, 'atMs')];
    if (at < (toldAt.get(key) ?? -Infinity) + HELD_TOLD_EVERY_MS) return true;
    if (toldAt.size >= REMEMBERED_MAX) toldAt.clear();
    toldAt.set(key, at);
    return false;
  };
}

/**
 * Tells like `narrate`, but of a row of runs that end alike only the first, of warnings only those that
 * are new, and of a rate that comes back only some of the steps.
 */
export function narrator(): (event: StoredEvent) => string | undefined {
  const last = new Map<string, string>();
  const newly = warnedOnce();
  const isHeldAgain = heldOnce();
  const rates = new Map<string, number>();
  const isSmallStep = ({ data, stream, type }: StoredEvent): boolean => {
    if (type === 'Throttled') rates.delete(stream);
    if (type !== 'RateRecovered') return false;
    const rate = number(data, 'rate');
    const isSmall = rate < (rates.get(stream) ?? 0) * RATE_STEP && data['episodeEnded'] !== true;
    if (!isSmall) rates.set(stream, rate);
    if (rates.size > REMEMBERED_MAX) rates.clear();
    return isSmall;
  };
  return (stored) => {
    if (isSmallStep(stored)) return undefined;
    const event = newly(stored);
    if (!REPEATED.has(event.type)) {
      // Whatever came of it: the row is broken.
      if (event.type === 'RunSucceeded') last.delete(event.stream);
      return narrate(event);
    }
    const line = narrate(event);
    if (line === undefined) return undefined;
    const { data, stream, type } = event;
    const said = `${type} ${text(data, 'outcome')}${text(data, 'cause')} ${alike(warningOf(data))}`;
    if (last.get(stream) === said || isHeldAgain(event)) return undefined;
    if (last.size >= REMEMBERED_MAX) last.clear();
    last.set(stream, said);
    return line;
  };
}

type Teller = (data: JsonObject) => string | undefined;

const text = (data: JsonObject, name: string): string => {
  const value = data[name];
  return typeof value === 'string' ? value : '';
};

const number = (data: JsonObject, name: string): number => {
  const value = data[name];
  return typeof value === 'number' ? value : 0;
};

/** `hh:mm:ss` of a moment in the data; with its date when it is another one than the fact's. */
const clock = (data: JsonObject, name: string): string => {
  const [day, time] = isoTime(number(data, name)).slice(0, 19).split('T');
  const today = isoTime(number(data, 'atMs')).slice(0, 10);
  return day === today || number(data, 'atMs') === 0
    ? String(time)
    : `${String(day)} ${String(time)}`;
};

/** `1 record`, `2 records`. */
const counted = (count: number, what: string): string =>
  `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** Where to find what could not be read: the body is in the evidence table, never in the journal. */
function evidenceOf(data: JsonObject): string {
  const evidence = data['evidence'];
  if (typeof evidence !== 'object' || evidence === null || Array.isArray(evidence)) return '';
  const { sha256, bytes } = evidence as JsonObject;
  if (typeof sha256 !== 'string' || typeof bytes !== 'number') return '';
  return `; evidence kept: ${counted(bytes, 'byte')}, ${sha256.slice(0, 8)}…`;
}

/** The first thing a run warned of, and how many more there are. */
function warningOf(data: JsonObject): string {
  const warnings = data['warnings'];
  if (!Array.isArray(warnings)) return '';
  const [first] = warnings as readonly unknown[];
  if (typeof first !== 'string') return '';
  return warnings.length === 1 ? first : `${first} (and ${String(warnings.length - 1)} more)`;
}

const because = (reason: string): string => (reason === '' ? '' : `: ${reason}`);

/** Breakers tell state changes as from -> to, with what decided. */
const transition: Teller = (data) => {
  const change = (data['transition'] ?? {}) as JsonObject;
  const retry = number(data, 'retryAtMs') > 0 ? `, tries again at ${clock(data, 'retryAtMs')}` : '';
  const trigger = text(change, 'trigger').replaceAll('_', ' ');
  const failure = change['to'] === 'open' ? because(failureOf(change)) : '';
  return `breaker ${text(change, 'from')} -> ${text(change, 'to')} (${trigger}${failure})${retry}`;
};

/** The class of the newest of the calls that decided. */
function failureOf(change: JsonObject): string {
  const calls = change['lastCalls'];
  const newest: unknown = Array.isArray(calls) ? calls.at(-1) : undefined;
  return typeof newest === 'object' && newest !== null ? text(newest as JsonObject, 'outcome') : '';
}

/** Of these ends something else tells at the same moment: the gate that closed, the stop, the suspension. */
const isToldElsewhere = (data: JsonObject): boolean =>
  ['blocked', 'cancelled'].includes(text(data, 'outcome')) ||
  (text(data, 'upstream') === '' &&
    ['auth', 'quota_exhausted', 'banned'].includes(text(data, 'outcome')));

const runFailed: Teller = (data) => {
  const warning = warningOf(data);
  if (isToldElsewhere(data)) return warning === '' ? undefined : warning;
  const said = `run failed (${text(data, 'outcome')})${because(text(data, 'message'))}`;
  return `${said}${evidenceOf(data)}${warning === '' ? '' : `; ${warning}`}`;
};

const runSucceeded: Teller = (data) => {
  const brought = number(data, 'newRecords');
  const said = [
    ...(brought > 0 ? [`collected ${counted(brought, 'record')}`] : []),
    ...(warningOf(data) === '' ? [] : [warningOf(data)]),
  ];
  return said.length === 0 ? undefined : said.join('; ');
};

/** The cause, until when, and what was said of it. */
const suspended: Teller = (data) => {
  const ends = number(data, 'nextTryMs') > 0 ? `, tries again at ${clock(data, 'nextTryMs')}` : '';
  return `suspended (${text(data, 'cause')}${ends})${because(text(data, 'detail'))}`;
};

const TELLERS: Readonly<Record<string, Teller>> = {
  CollectorRegistered: (data) => `registered, ${text(data, 'collectorType')}`,
  CollectorEnabled: (data) => `enabled${because(text(data, 'reason'))}`,
  CollectorDisabled: (data) => `disabled${because(text(data, 'reason'))}`,
  CollectorSuspended: suspended,
  SuspensionLifted: (data) => `suspension lifted (${text(data, 'cause')})`,
  RestartRequested: (data) => `restarting${because(text(data, 'reason'))}`,
  RunSucceeded: runSucceeded,
  RunFailed: runFailed,
  RunUnknown: (data) => `run ended without an outcome (${text(data, 'cause')})`,
  // The breaker itself has told that it is open, and until when.
  RunBlocked: (data) =>
    data['cause'] === 'breaker'
      ? undefined
      : `waits (${text(data, 'cause')})${because(text(data, 'detail'))}`,
  CursorSet: (data) => `cursor of ${text(data, 'series')} set (${text(data, 'cause')})`,
  BreakerTripped: transition,
  BreakerProbing: transition,
  BreakerRecovered: transition,
  BreakerReopened: transition,
  BreakerReset: () => 'breaker reset',
  BreakerForced: (data) =>
    `breaker held ${text(data, 'override').replace('forced_', '')}${because(text(data, 'reason'))}`,
  BreakerOverrideCleared: (data) => `breaker automatic again (${text(data, 'cause')})`,
  Throttled: (data) =>
    `throttled: rate cut by ${number(data, 'backoff').toFixed(1)}, pause until ${clock(data, 'pauseUntilMs')}`,
  RateRecovered: (data) => `rate back at ${number(data, 'rate').toFixed(2)}/s`,
  EpisodeEnded: (data) => `steady again after ${counted(number(data, 'cuts'), 'cut')}`,
  RateLimitConfigured: (data) => `rate set to ${String(number(data, 'maxRequestsPerSecond'))}/s`,
  BucketBlocked: (data) => `${text(data, 'bucket')} used up until ${clock(data, 'untilMs')}`,
  ScopeBlocked: (data) => `barred (${text(data, 'cause')}) until ${clock(data, 'untilMs')}`,
  Unblocked: (data) => `free again (${text(data, 'cause')})`,
};

/** Only these categories have anything to tell. */
export const TOLD_CATEGORIES: readonly string[] = ['collector', 'breaker', 'limiter'];
