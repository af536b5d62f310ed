/** Where values come from: file, environment, switches. Collects all, and names what it does not know. */
import { parseDocument } from 'yaml';
import { fail, ok } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import { messageOf } from '../kernel/errors.js';
import { variableOf } from './option.js';
import type { OptionSpec } from './option.js';
import { isPlainObject } from './parse.js';
import type { Given } from './parse.js';
import { shown, suggested } from './problem.js';
import type { ConfigProblem } from './problem.js';

export type Layer = {
  readonly given: readonly Given[];
  readonly problems: readonly ConfigProblem[];
};

/** Every key that may be given, with its rule. */
export type KnownKeys = ReadonlyMap<string, OptionSpec>;

const FILE_BYTES_MAX = 1_048_576;

/** Not options of the service: they tell the command line which service to ask, and as whom. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  'HEADGATE_SERVER',
  'HEADGATE_TOKEN',
  'HEADGATE_TOKEN_FILE',
]);

/** The file's content as plain data; JSON is YAML. Keys that stand twice are a problem. */
export function parsedFile(
  name: string,
  text: string,
): Result<Readonly<Record<string, unknown>>, readonly ConfigProblem[]> {
  const wrong = (rule: string): ConfigProblem => ({ option: 'config', from: name, rule });
  if (Buffer.byteLength(text) > FILE_BYTES_MAX) {
    return fail([wrong(`must be at most ${String(FILE_BYTES_MAX)} bytes`)]);
  }
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) {
    return fail(document.errors.map((error) => wrong(`cannot be read: ${error.message}`)));
  }
  try {
    const content: unknown = document.toJS() ?? {};
    return isPlainObject(content) ? ok(content) : fail([wrong('must be an object of options')]);
  } catch (error) {
    return fail([wrong(`cannot be read: ${messageOf(error)}`)]);
  }
}

export function fileLayer(
  name: string,
  content: Readonly<Record<string, unknown>>,
  known: KnownKeys,
): Layer {
  const given: Given[] = [];
  const problems: ConfigProblem[] = [];
  const groups = groupsOf(known);
  const walk = (path: string, value: unknown): void => {
    // `rest:` with nothing below it, and a key set to nothing, both mean: not given.
    if (value === null || value === undefined) return;
    const spec = known.get(path);
    if (spec?.bootstrap === true) {
      problems.push({ option: path, from: name, rule: 'cannot be given in the file' });
    } else if (spec !== undefined) {
      given.push({ key: path, raw: value, textual: false, from: name });
    } else if (!groups.has(path)) {
      problems.push(unknown(path, name, [...known.keys(), ...groups]));
    } else if (isPlainObject(value)) {
      for (const [key, member] of Object.entries(value)) walk(`${path}.${key}`, member);
    } else {
      problems.push({
        option: path,
        from: name,
        value: shown(value),
        rule: 'must be a group of options',
      });
    }
  };
  for (const [key, value] of Object.entries(content)) walk(key, value);
  return { given, problems };
}

/** Variables that are set to nothing count as not given. */
export function environmentLayer(
  env: Readonly<Record<string, string | undefined>>,
  known: KnownKeys,
): Layer {
  const byVariable = new Map<string, string>();
  for (const [key, spec] of known) {
    byVariable.set(variableOf(key), key);
    if (spec.alias !== undefined) byVariable.set(spec.alias, key);
  }
  const given = new Map<string, Given>();
  const problems: ConfigProblem[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    if (raw === undefined || raw === '') continue;
    const key = byVariable.get(variable);
    if (key !== undefined) {
      const other = given.get(key);
      if (other !== undefined && other.raw !== raw) {
        const rule = `must not differ from ${other.from}, which means the same`;
        problems.push({ option: key, from: variable, rule });
      }
      given.set(key, { key, raw, textual: true, from: variable });
    } else if (variable.startsWith('HEADGATE_') && !CLIENT_VARIABLES.has(variable)) {
      problems.push(unknown(variable, 'environment', byVariable.keys()));
    }
  }
  return { given: [...given.values()], problems };
}

/** `flags` are by dotted key: the command line's own switches and `--set`. */
export function flagLayer(
  flags: Readonly<Record<string, string | undefined>>,
  known: KnownKeys,
): Layer {
  const given: Given[] = [];
  const problems: ConfigProblem[] = [];
  for (const [key, raw] of Object.entries(flags)) {
    if (raw === undefined) continue;
    const spec = known.get(key);
    if (spec === undefined) problems.push(unknown(key, 'command line', known.keys()));
    else given.push({ key, raw, textual: true, from: spec.flag ?? '--set' });
  }
  return { given, problems };
}

/** The value of what is not known is not shown: it may be a secret in the wrong place. */
function unknown(option: string, from: string, known: Iterable<string>): ConfigProblem {
  const ofCollector = /^(collectors\.|HEADGATE_COLLECTORS_)/.test(option);
  return {
    option,
    from,
    rule: 'is not an option',
    ...suggested(option, known),
    ...(ofCollector && { ofUnknownSource: true }),
  };
}

/** Every proper prefix of a key, at its dots. */
function groupsOf(known: KnownKeys): ReadonlySet<string> {
  const groups = new Set<string>(['collectors']);
  for (const key of known.keys()) {
    for (let dot = key.indexOf('.'); dot > 0; dot = key.indexOf('.', dot + 1)) {
      groups.add(key.slice(0, dot));
    }
  }
  return groups;
}
