/** Values of the command line: read, or refused with the rule they break. */
import { InvalidArgumentError } from 'commander';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { UsageInvalid } from './exit.js';

const UNITS: Readonly<Record<string, DurationMs>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};

const LENGTH = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/;

/** `10`, `10s`, `500ms`, `1.5h`, `7d`; without a unit seconds. */
export function lengthGiven(text: string): DurationMs {
  const [, amount, unit = 's'] = LENGTH.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
  if (!(ms > 0) || !Number.isFinite(ms)) {
    throw new InvalidArgumentError('It must be a length above 0, e.g. 30s, 10m, 2h, 7d.');
  }
  return ms;
}

export function numberGiven(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError('It must be a number.');
  }
  return value;
}

export function countGiven(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** A moment: ISO 8601 with an offset, or how long ago. */
export type Since = { readonly at: EpochMs } | { readonly agoMs: DurationMs };

export function momentGiven(text: string): Since {
  const at = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return { at };
  if (LENGTH.test(text)) return { agoMs: lengthGiven(text) };
  throw new InvalidArgumentError('It must be a moment like 2026-01-31T12:00:00Z, or 2h for ago.');
}

export function momentOf(since: Since, now: EpochMs): EpochMs {
  return 'at' in since ? since.at : now - since.agoMs;
}

/** Collects an option that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** A setting by its name, as a number; undefined: it is given back to the configuration. */
export type Setting = readonly [name: string, value: number | undefined];

/**
 * `key=1`, `key=` among the names there are; dashes may stand for underscores.
 * @throws {UsageInvalid} naming every one that is wrong.
 */
export function settingsGiven(
  pairs: readonly string[],
  names: readonly string[],
): readonly Setting[] {
  const problems: string[] = [];
  const settings: Setting[] = [];
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals)).replaceAll('-', '_');
    const text = pair.slice(equals + 1).trim();
    const value = text === '' ? undefined : Number(text);
    if (equals < 1) problems.push(`${pair}: must be key=value`);
    else if (!names.includes(name)) problems.push(`${name}: must be one of ${names.join(', ')}`);
    else if (Number.isNaN(value)) problems.push(`${name}: must be a number, got ${text}`);
    else if (settings.some(([other]) => other === name)) problems.push(`${name}: is given twice`);
    else settings.push([name, value]);
  }
  if (problems.length > 0) throw new UsageInvalid(problems);
  return settings;
}
