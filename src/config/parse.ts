/** Reads one given value by its option's rule. */
import { fail, ok } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import { LIST_MAX, ruleOf, TEXT_MAX } from './option.js';
import type { OptionSpec } from './option.js';
import { shown } from './problem.js';
import type { ConfigProblem } from './problem.js';

/** A value somebody gave. */
export type Given = {
  /** Dotted, with `collectors.<name>.` where it belongs to one. */
  readonly key: string;
  readonly raw: unknown;
  /** Given as text (variable, switch): numbers and words are read out of it. */
  readonly textual: boolean;
  readonly from: string;
};

export function parseGiven(spec: OptionSpec, given: Given): Result<unknown, ConfigProblem> {
  const value =
    given.textual && typeof given.raw === 'string' ? fromText(spec, given.raw) : given.raw;
  if (isAllowed(spec, value)) return ok(value);
  return fail({
    option: given.key,
    from: given.from,
    ...(spec.type === 'object' ? {} : { value: shown(given.raw) }),
    rule: ruleOf(spec),
  });
}

/** Text as the option's type; text that cannot be read stays what it is and fails the rule. */
function fromText(spec: OptionSpec, text: string): unknown {
  switch (spec.type) {
    case 'string':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'number':
      return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case 'object':
      return parsedJson(text);
    case 'list':
      return text.split(',').map((item) => item.trim());
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isAllowed(spec: OptionSpec, value: unknown): boolean {
  switch (spec.type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'object':
      return isPlainObject(value);
    case 'list':
      return (
        Array.isArray(value) &&
        value.length <= (spec.max ?? LIST_MAX) &&
        value.every(
          (item) => typeof item === 'string' && isAllowedText({ ...spec, max: TEXT_MAX }, item),
        )
      );
    case 'string':
      return typeof value === 'string' && isAllowedText(spec, value);
    case 'integer':
      return Number.isSafeInteger(value) && isInRange(spec, value as number);
    case 'number':
      return Number.isFinite(value) && isInRange(spec, value as number);
  }
}

/** No control characters: they would travel into logs and file names. */
const CONTROL = /\p{Cc}/u;

function isAllowedText(spec: OptionSpec, value: string): boolean {
  if (value.length < (spec.min ?? 1) || value.length > (spec.max ?? TEXT_MAX)) return false;
  if (CONTROL.test(value)) return false;
  if (spec.allowed !== undefined) return spec.allowed.includes(value);
  return spec.pattern === undefined || spec.pattern.regex.test(value);
}

function isInRange({ min, above, max }: OptionSpec, value: number): boolean {
  return (
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (max === undefined || value <= max)
  );
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
