/** How the rules for definitions are told: a place, what must hold there, and what stood there. */
import { isObject } from './draft.js';

/** Takes one line about one place. */
export type Complain = (place: string, rule: string, value?: unknown) => void;

/** What must hold of a member, in words that follow its place. */
export type MemberRule = {
  readonly holds: (value: unknown) => boolean;
  readonly rule: string;
  readonly optional?: true;
};

const SHOWN_CHARS_MAX = 60;

/** `place: rule, got value`; a value that was not given is not shown. */
export function complaint(place: string, rule: string, ...value: readonly unknown[]): string {
  return value.length === 0 ? `${place}: ${rule}` : `${place}: ${rule}, got ${shown(value[0])}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint' || typeof value === 'symbol') return `a ${typeof value}`;
  const text = typeof value === 'number' ? String(value) : safeJson(value);
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'an object';
  }
}

/** Every member by its rule; a member without a rule is a slip of the pen. */
export function checkMembers(
  value: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<string, MemberRule>>,
  at: string,
  complain: Complain,
): void {
  for (const [name, { holds, rule, optional }] of Object.entries(rules)) {
    const member = value[name];
    if (member === undefined && optional === true) continue;
    if (!holds(member)) complain(at + name, rule, member);
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(rules, name)) continue;
    complain(at + name, `is not a member; there are ${Object.keys(rules).join(', ')}`);
  }
}

export const isText =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value);

export const isOneOf =
  (words: readonly unknown[]) =>
  (value: unknown): boolean =>
    words.includes(value);

export const isNumber =
  (above: number, most: number) =>
  (value: unknown): boolean =>
    typeof value === 'number' && Number.isFinite(value) && value > above && value <= most;

export const isWhole =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;

export const isFunction = (value: unknown): boolean => typeof value === 'function';
export const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

export const isFilled = (value: unknown): boolean =>
  isObject(value) && Object.keys(value).length > 0;

export const isListOf =
  (holds: (value: unknown) => boolean, most: number) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length <= most && value.every(holds);
