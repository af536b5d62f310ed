/** What an option is, and how the table of options becomes the type of the configuration. */
import { DAY_MS } from '../kernel/time.js';

/** One row of the table. Its variable is `HEADGATE_` and its key in capitals, `.` as `_`. */
export type OptionSpec = {
  /** Dotted, as in the file: `rest.port`. */
  readonly key: string;
  /** list: of texts; as text, separated by commas. */
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'list';
  /** One line. */
  readonly meaning: string;
  readonly default?: string | number | boolean;
  /** How the value is computed when none is given; there is always a value. */
  readonly derived?: string;
  /** What it means when none is given. */
  readonly absent?: string;
  readonly unit?: string;
  /** Smallest and largest allowed value; of a string: shortest and longest; of a list: how many. */
  readonly min?: number;
  readonly max?: number;
  /** The value must be greater than this. */
  readonly above?: number;
  readonly allowed?: readonly string[];
  readonly pattern?: { readonly regex: RegExp; readonly says: string };
  /** Its own switch on the command line; every other option goes by `--set key=value`. */
  readonly flag?: string;
  /** A second, well-known variable. */
  readonly alias?: string;
  /** Read before the file, hence not allowed in it. */
  readonly bootstrap?: true;
};

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

type TypeNames = {
  readonly string: string;
  readonly integer: number;
  readonly number: number;
  readonly boolean: boolean;
  readonly object: Readonly<Record<string, unknown>>;
  readonly list: readonly string[];
};

type ValueOf<O extends OptionSpec> =
  | (O extends { readonly allowed: readonly (infer Word)[] } ? Word : TypeNames[O['type']])
  | (O extends { readonly absent: string } ? undefined : never);

type GroupOf<Key> = Key extends `${infer Group}.${string}` ? Group : never;

type MembersOf<O extends OptionSpec, Group extends string> = {
  readonly [
    Member in O as Member['key'] extends `${Group}.${infer Rest}` ? Camel<Rest> : never
  ]: ValueOf<Member>;
};

/** `rest.body_bytes_max` becomes `config.rest.bodyBytesMax`. */
export type ConfigOf<O extends OptionSpec> = {
  readonly [Group in GroupOf<O['key']>]: MembersOf<O, Group>;
} & {
  readonly [
    Member in O as Member['key'] extends `${string}.${string}` ? never : Camel<Member['key']>
  ]: ValueOf<Member>;
};

export function camel(words: string): string {
  return words.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function variableOf(key: string): string {
  return `HEADGATE_${key.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}

/** What a value must be, in one phrase. */
export function ruleOf(spec: OptionSpec): string {
  if (spec.allowed !== undefined) return `must be one of: ${spec.allowed.join(', ')}`;
  switch (spec.type) {
    case 'boolean':
      return 'must be true or false';
    case 'object':
      return 'must be an object (JSON, where it is given as text)';
    case 'list':
      return `must be a list of at most ${String(spec.max ?? LIST_MAX)} texts (as text: separated by commas)`;
    case 'string':
      return spec.pattern === undefined
        ? `must be text of ${String(spec.min ?? 1)} to ${String(spec.max ?? TEXT_MAX)} characters`
        : `must be ${spec.pattern.says}`;
    case 'integer':
      return `must be a whole number${rangeOf(spec)}`;
    case 'number':
      return `must be a number${rangeOf(spec)}`;
  }
}

/** The longest length of time there is anywhere: a leap year. */
export const LENGTH_MAX_MS = 366 * DAY_MS;

/** Longest list an option may hold, unless it says otherwise. */
export const LIST_MAX = 32;

/** Longest text an option may hold. */
export const TEXT_MAX = 4096;

function rangeOf({ min, above, max }: OptionSpec): string {
  const low = above === undefined ? min : above;
  const lowWord = above === undefined ? 'of at least' : 'above';
  if (low === undefined) return max === undefined ? '' : ` of at most ${String(max)}`;
  if (max === undefined) return ` ${lowWord} ${String(low)}`;
  return above === undefined
    ? ` from ${String(low)} to ${String(max)}`
    : ` above ${String(above)}, at most ${String(max)}`;
}
