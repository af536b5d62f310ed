/** What an outsider makes of the document: operations, the parts of their requests, and the requests. */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { textOf, valid } from './openapi-arbitrary.js';
import { nodeOf, resolved } from './openapi-check.js';
import type { Node } from './openapi-check.js';

export type Parameter = {
  readonly name: string;
  readonly place: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Node;
};

export type Offered = {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Schema of the JSON body; undefined: it takes none. */
  readonly body: Node | undefined;
};

/** A request, before it is bytes. */
export type Wished = {
  readonly method: string;
  readonly path: string;
  /** By name; not encoded. */
  readonly inPath: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

export function offered(document: Node): readonly Offered[] {
  return Object.entries(nodeOf(document['paths'])).flatMap(([path, item]) =>
    Object.entries(nodeOf(item)).map(([method, operation]) => {
      const said = nodeOf(operation);
      const content = nodeOf(nodeOf(said['requestBody'])['content']);
      const json = nodeOf(content['application/json']);
      return {
        name: String(said['operationId']),
        method: method.toUpperCase(),
        path,
        parameters: (said['parameters'] as readonly unknown[]).map((each) =>
          parameterOf(resolved(document, each)),
        ),
        body: 'schema' in json ? nodeOf(json['schema']) : undefined,
      };
    }),
  );
}

function parameterOf(node: Node): Parameter {
  return {
    name: String(node['name']),
    place: node['in'] as Parameter['place'],
    required: node['required'] === true,
    schema: nodeOf(node['schema']),
  };
}

/** Members whose values mean something only the service knows. */
export function references({ parameters, body }: Offered): readonly string[] {
  const members = Object.entries(nodeOf(body?.['properties']));
  const all = [
    ...parameters.map(({ name, schema }) => [name, schema] as const),
    ...members.map(([name, schema]) => [name, nodeOf(schema)] as const),
  ];
  return all.filter(([, schema]) => 'x-reference' in schema).map(([name]) => `/${name}`);
}

/** Commas part a list in a query. */
const isOneWord = (text: string): boolean => !text.includes(',');

/** Requests that the document allows. `known`: collectors there are. */
export function requests(
  document: Node,
  operation: Offered,
  known: readonly string[],
): Arbitrary<Wished> {
  const { parameters, body, method, path } = operation;
  const member = (parameter: Parameter): Arbitrary<string> => {
    const any = valid(document, parameter.schema)
      .map((value) => (Array.isArray(value) ? value.map(textOf).filter(isOneWord) : textOf(value)))
      .filter((value) => typeof value === 'string' || value.length > 0)
      .map(String);
    if (parameter.name !== 'name' || parameter.place !== 'path') return any;
    return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, any);
  };
  const part = (place: Parameter['place']) => {
    const here = parameters.filter((each) => each.place === place);
    const members = Object.fromEntries(here.map((each) => [each.name, member(each)]));
    const requiredKeys = here.filter(({ required }) => required).map(({ name }) => name);
    return fc.record(members, { requiredKeys, noNullPrototype: true });
  };
  const bodies = body === undefined ? fc.constant(undefined) : valid(document, body);
  return fc
    .record({ inPath: part('path'), query: part('query'), headers: part('header'), body: bodies })
    .map((parts) => ({
      method,
      path,
      body: parts.body,
      inPath: given(parts.inPath),
      query: Object.entries(given(parts.query)),
      headers: given(parts.headers),
    }));
}

function given(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
}

/** The address of a wish, encoded. */
export function addressOf({ path, inPath, query }: Wished): string {
  const bare = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    encodeURIComponent(inPath[name] ?? ''),
  );
  const pairs = query.map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return pairs.length === 0 ? bare : `${bare}?${pairs.join('&')}`;
}
