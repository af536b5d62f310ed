/**
 * Keys to upstreams, held apart from the configuration: it can be printed, they cannot.
 * A key comes from its variable, or from the file that `<VARIABLE>_FILE` names.
 */
import { messageOf } from '../kernel/errors.js';
import type { ConfigProblem } from './problem.js';

export type Secrets = {
  /** The secret of this variable, or undefined when nobody gave one. */
  get(variable: string): string | undefined;
  /** All of them: for the log's redaction and nothing else. */
  values(): readonly string[];
};

/** Shorter words would be redacted in the middle of innocent text; no provider gives such keys. */
const SECRET_LENGTH_MIN = 8;
const SECRET_LENGTH_MAX = 8192;
/** Variables of this name hold no key but a name a client gives itself, e.g. REDDIT_USER_AGENT. */
const PHRASE = '_USER_AGENT';

export function loadSecrets(
  variables: Iterable<string>,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): { readonly secrets: Secrets; readonly problems: readonly ConfigProblem[] } {
  const held = new Map<string, string>();
  const problems: ConfigProblem[] = [];
  for (const variable of new Set(variables)) {
    const found = secretOf(variable, env, readFile);
    if (typeof found === 'object') problems.push(found);
    else if (found !== undefined) held.set(variable, found);
  }
  return { secrets: secretsOf(held), problems };
}

/** Functions over a closure: printing or serialising this shows nothing. */
export function secretsOf(held: ReadonlyMap<string, string>): Secrets {
  return { get: (variable) => held.get(variable), values: () => [...held.values()] };
}

function secretOf(
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): string | ConfigProblem | undefined {
  const fileVariable = `${variable}_FILE`;
  const direct = env[variable] ?? '';
  const path = env[fileVariable] ?? '';
  if (direct !== '' && path !== '') {
    return { option: variable, from: fileVariable, rule: `must not be set beside ${variable}` };
  }
  if (direct !== '') return checked(variable, variable, direct);
  if (path === '') return undefined;
  try {
    // Files made by editors and `echo` end in a line break that is no part of the key.
    return checked(variable, fileVariable, readFile(path).replace(/\r?\n$/, ''));
  } catch (error) {
    return { option: variable, from: fileVariable, rule: `cannot be read: ${messageOf(error)}` };
  }
}

function checked(variable: string, from: string, secret: string): string | ConfigProblem {
  if (secret.length < SECRET_LENGTH_MIN || secret.length > SECRET_LENGTH_MAX) {
    const rule = `must have ${String(SECRET_LENGTH_MIN)} to ${String(SECRET_LENGTH_MAX)} characters`;
    return { option: variable, from, rule };
  }
  // Whatever else cannot stand in an HTTP header cannot be a key. How a client calls itself has words.
  const isPhrase = variable.includes(PHRASE);
  const allowed = isPhrase ? /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/ : /^[\x21-\x7e]+$/;
  if (!allowed.test(secret)) {
    const spaces = isPhrase ? 'spaces only within' : 'without spaces';
    return { option: variable, from, rule: `must be visible ASCII characters, ${spaces}` };
  }
  return secret;
}
