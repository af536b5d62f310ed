/** docs/rest.md as data: its sections, their parameters, and the requests with the answers they promise. */
import type { TSchema } from '@sinclair/typebox';
import type { AnyOperation } from '../../src/gateway/operation.js';

export type Request = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

export type Section = {
  /** `GET /collectors`; empty before the first. */
  readonly title: string;
  readonly text: string;
  readonly parameters: readonly Parameter[];
  readonly examples: readonly { readonly request: Request; readonly answer: unknown }[];
};

export type Parameter = {
  readonly member: string;
  /** path | query | body */
  readonly in: string;
  readonly rule: string;
};

export function sectionsOf(page: string): readonly Section[] {
  const [head = '', ...rest] = page.split(/^## /m);
  return [`\n${head}`, ...rest].map((part) => {
    const [title = '', ...lines] = part.split('\n');
    const text = lines.join('\n');
    return { title, text, parameters: parametersIn(text), examples: examplesIn(text) };
  });
}

const ROW = /^\| `(\w+)` \| (\w+) \| ([^|]+) \| [^|]* \| ([^|]*) \| [^|]*\|$/gm;

function parametersIn(text: string): readonly Parameter[] {
  return [...text.matchAll(ROW)].map(([, member = '', where = '', rule = '', byDefault = '']) => {
    if (byDefault.trim() === '') throw new Error(`${member} has no default, and is not required`);
    return { member, in: where, rule };
  });
}

const EXAMPLE = /```sh\n(curl [\s\S]*?)\n```\n```json\n([\s\S]*?)\n```/g;

function examplesIn(text: string): Section['examples'] {
  return [...text.matchAll(EXAMPLE)].map(([, curl = '', answer = '']) => ({
    request: requestOf(curl),
    answer: JSON.parse(answer) as unknown,
  }));
}

/** Reads the few switches of curl that the page uses. @throws {Error} at any other. */
export function requestOf(curl: string): Request {
  const words = [...curl.replaceAll('\\\n', ' ').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  let method = 'GET';
  let path: string | undefined;
  let body: string | undefined;
  const headers: Record<string, string> = {};
  const rest = words.slice(1);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-s') continue;
    if (word === '-X') method = rest.shift() ?? '';
    else if (word === '-d') body = rest.shift();
    else if (word === '-H') {
      const [name = '', value = ''] = (rest.shift() ?? '').split(': ');
      headers[name] = value;
    } else if (word.startsWith('localhost:8000')) path = word.slice('localhost:8000'.length);
    else throw new Error(`the page's reader knows no ${word}`);
  }
  if (path === undefined) throw new Error(`no address in: ${curl}`);
  return { method, path, headers, body };
}

/** What a section must say of each member of its operation's input, in the words of the page. */
export function parametersOf({ input, rest }: AnyOperation): readonly Parameter[] {
  return Object.entries<TSchema>(input.properties).map(([member, schema]) => {
    const isInPath = rest.path.includes(`{${member}}`);
    const isInQuery = rest.query.includes(member);
    const where = isInPath ? 'path' : isInQuery ? 'query' : 'body';
    return { member, in: where, rule: ruleOf(member, schema) };
  });
}

const MOMENT = 'moment: ISO 8601 with an offset (write `+` as `%2B`)';
const MOMENTS: Readonly<Record<string, string>> = {
  at: `${MOMENT}, not in the future`,
  since: MOMENT,
  from: MOMENT,
  to: MOMENT,
};

function ruleOf(member: string, schema: TSchema): string {
  const moment = MOMENTS[member];
  if (moment !== undefined) return moment;
  const bound = (name: string): string => String(schema[name]);
  if (schema['anyOf'] !== undefined) {
    const [only, none] = schema['anyOf'] as readonly TSchema[];
    if (only !== undefined && none?.['type'] === 'null') return `${ruleOf(member, only)}, or null`;
    const words = schema['anyOf'] as readonly { readonly const: string }[];
    return `one of ${words.map((word) => `\`${word.const}\``).join(', ')}`;
  }
  switch (schema['type']) {
    case 'string': {
      const most = `${bound('maxLength')} characters`;
      const least: unknown = schema['minLength'];
      return least === undefined
        ? `text of up to ${most}`
        : `text of ${bound('minLength')} to ${most}`;
    }
    case 'integer':
      return `whole number, ${bound('minimum')} to ${bound('maximum')}`;
    case 'number':
      return schema['minimum'] === undefined
        ? `number above ${bound('exclusiveMinimum')}, up to ${bound('maximum')}`
        : `number, ${bound('minimum')} to ${bound('maximum')}`;
    case 'array':
      return `list of ${bound('minItems')} to ${bound('maxItems')}`;
    case 'object':
      return 'object';
    default:
      throw new Error(`no words for the schema of ${member}`);
  }
}

/**
 * What an answer lacks of its example: a member, or the kind of value. Null fits anything, and a list is
 * compared by its first entry; names of collectors and endpoints are members like any other.
 */
export function missing(answer: unknown, example: unknown, at = '$'): readonly string[] {
  if (answer === null || example === null) return [];
  if (Array.isArray(example)) {
    if (!Array.isArray(answer)) return [`${at} is no list`];
    const [wanted] = example as unknown[];
    const [first] = answer as unknown[];
    return wanted === undefined || first === undefined ? [] : missing(first, wanted, `${at}[0]`);
  }
  if (typeof example !== typeof answer) return [`${at} is ${typeof answer}`];
  if (typeof example !== 'object') return [];
  const told = new Map<string, unknown>(Object.entries(answer as object));
  return Object.entries(example).flatMap(([key, value]: [string, unknown]) =>
    told.has(key) ? missing(told.get(key), value, `${at}.${key}`) : [`${at}.${key} is missing`],
  );
}
