/** From the schemas of the table to JSON Schema 2020-12 as a document has it: shared parts by name. */
import type { TSchema } from '@sinclair/typebox';
import { assert } from '../../kernel/errors.js';
import type { Json, JsonObject } from '../../kernel/types.js';

type Node = { readonly [key: string]: Json };

export type SchemaBook = {
  /** What stands in the document for a schema; its named parts go into the book. */
  write(schema: TSchema): Node;
  /** Everything named so far, in the order of first use. */
  named(): JsonObject;
};

/** A schema that is named twice with two meanings is our mistake. */
export function schemaBook(): SchemaBook {
  const named = new Map<string, Node>();

  const write = (node: Node): Node => {
    const { $id, ...rest } = node;
    if (typeof $id !== 'string') return written(node, write);
    const kept = named.get($id);
    if (kept === undefined) named.set($id, {}); // keeps its place before its own parts
    const now = written(rest, write);
    const first = kept ?? now;
    assert(bare(first) === bare(now), `the schema ${$id} has two meanings`);
    named.set($id, first);
    const { description } = now;
    const isSaid = description === undefined || description === first['description'];
    return { $ref: `#/components/schemas/${$id}`, ...(isSaid ? {} : { description }) };
  };

  return {
    // Through text: what TypeBox hangs on its schemas beside JSON Schema does not survive it.
    write: (schema) => write(JSON.parse(JSON.stringify(schema)) as Node),
    named: () => Object.fromEntries(named),
  };
}

/** What it is, whatever is said of it at one place or another. */
function bare({ description: _said, ...rest }: Node): string {
  return JSON.stringify(rest);
}

/** Rules that handlers check themselves, in their own words. */
const PUBLISHED: Readonly<Record<string, string>> = {
  'x-format': 'format',
  'x-pattern': 'pattern',
};

type Write = (node: Node) => Node;

function written(node: Node, write: Write): Node {
  const { anyOf, ...rest } = node;
  if (Array.isArray(anyOf)) return united(anyOf as readonly Node[], rest, write);
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) => {
      const shown = PUBLISHED[key] ?? key;
      return [[shown, member(key, value, write)]];
    }),
  );
}

const MAPS: readonly string[] = ['properties', 'patternProperties'];
const SCHEMAS: readonly string[] = ['items', 'additionalProperties', 'not'];

function member(key: string, value: Json, write: Write): Json {
  const isNode = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isNode && SCHEMAS.includes(key)) return write(value as Node);
  if (!isNode || !MAPS.includes(key)) return value;
  return Object.fromEntries(
    Object.entries(value as Node).map(([name, each]) => [name, write(each as Node)]),
  );
}

const NULL = { type: 'null' } as const;

/** Words become an `enum`; null beside a plain type becomes one of its types. */
function united(members: readonly Node[], rest: Node, write: Write): Node {
  const words = members.map((each) => each['const']);
  if (words.every((word) => typeof word === 'string')) {
    return { type: 'string', enum: words, ...rest };
  }
  const others = members.filter(({ type }) => type !== 'null');
  const [only] = others;
  if (only === undefined || others.length !== 1 || members.length !== 2) {
    return { anyOf: members.map(write), ...rest };
  }
  const shown = write(only);
  const { type } = shown;
  if (typeof type !== 'string') return { anyOf: [shown, NULL], ...rest };
  const choices = shown['enum'] as readonly Json[] | undefined;
  const withNull = choices === undefined ? {} : { enum: [...choices, null] };
  return { ...shown, type: [type, 'null'], ...withNull, ...rest };
}
