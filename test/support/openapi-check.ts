/** Holds answers against the published document, with a validator that is not the program's own. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../src/kernel/types.js';

export type Node = Readonly<Record<string, unknown>>;

export function nodeOf(value: unknown): Node {
  return typeof value === 'object' && value !== null ? (value as Node) : {};
}

/** Follows references within the document, as far as they go. */
export function resolved(document: Node, value: unknown): Node {
  const node = nodeOf(value);
  const ref = node['$ref'];
  if (typeof ref !== 'string') return node;
  if (!ref.startsWith('#/')) throw new Error(`${ref} leads out of the document`);
  const found = ref
    .slice(2)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, key) => nodeOf(at)[key], document);
  if (found === undefined) throw new Error(`${ref} leads nowhere`);
  return resolved(document, found);
}

/** Every `$ref` of a document. */
export function refsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(refsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]: [string, unknown]) =>
    key === '$ref' && typeof each === 'string' ? [each] : refsOf(each),
  );
}

export type Answered = {
  readonly method: string;
  /** As it was asked, query and all. */
  readonly path: string;
  readonly status: number;
  readonly type: string;
  readonly text: string;
};

export type AnswerCheck = (answered: Answered) => readonly string[];

/** A checker of schemas that stand in a document. */
export function schemaChecker(document: Node): (schema: unknown) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const components = nodeOf(document['components']);
  const compiled = new Map<unknown, ValidateFunction>();
  return (schema) => {
    let found = compiled.get(schema);
    if (found === undefined) {
      found = ajv.compile({ ...nodeOf(schema), components });
      compiled.set(schema, found);
    }
    return found;
  };
}

function matches(template: string, path: string): boolean {
  const [wanted, asked] = [template.split('/'), path.split('/')];
  return (
    wanted.length === asked.length &&
    wanted.every((part, i) => part === asked[i] || (part.startsWith('{') && asked[i] !== ''))
  );
}

/** The path of the document that an address is one of; a literal one before one with members. */
export function templateOf(document: Node, path: string): string | undefined {
  const bare = path.replace(/\?.*$/s, '').replace(/(.)\/$/, '$1');
  return Object.keys(nodeOf(document['paths']))
    .filter((template) => matches(template, bare))
    .sort((a, b) => a.split('{').length - b.split('{').length)[0];
}

/** What is wrong with an answer by the document; empty: nothing, or nothing is documented there. */
export function answerCheck(document: JsonObject): AnswerCheck {
  const checker = schemaChecker(document);
  return ({ method, path, status, type, text }) => {
    const template = templateOf(document, path);
    const item = nodeOf(nodeOf(document['paths'])[template ?? '']);
    const operation = nodeOf(item[method.toLowerCase()]);
    if (!('responses' in operation)) return [];
    const where = `${method} ${template ?? ''}: ${String(status)}`;
    const response = resolved(document, nodeOf(operation['responses'])[String(status)]);
    if (!('content' in response)) return [`${where} is not documented: ${text.slice(0, 300)}`];
    const bare = type.replace(/;.*$/, '');
    const media = nodeOf(nodeOf(response['content'])[bare]);
    if (!('schema' in media)) return [`${where} is not documented as ${bare}`];
    if (!bare.endsWith('json')) return [];
    const check = checker(media['schema']);
    if (check(JSON.parse(text))) return [];
    return (check.errors ?? []).map((error) =>
      [where, error.instancePath, error.message, JSON.stringify(error.params)].join(' '),
    );
  };
}
