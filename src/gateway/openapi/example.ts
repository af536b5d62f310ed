/** A request that an operation takes, as a line of curl. */
import type { Json, JsonObject } from '../../kernel/types.js';
import { listOf, objectOf, textOf, textsOf } from './page-schema.js';

/** A value of a schema: its own example, else the simplest. */
export function sampleOf(schema: JsonObject): Json {
  const [given] = listOf(schema['examples']);
  const [word] = listOf(schema['enum']);
  const chosen = given ?? schema['default'] ?? schema['const'] ?? word;
  if (chosen !== undefined) return chosen;
  const [type] = [schema['type']].flat();
  if (type === 'integer' || type === 'number') return schema['minimum'] ?? 1;
  if (type === 'boolean') return true;
  if (type === 'array') return [sampleOf(objectOf(schema['items']))];
  if (type === 'object') return sampleBody(schema);
  return 'text';
}

/** What is required, and of what is required as a choice the first; of free bodies the reason. */
export function sampleBody(schema: JsonObject): JsonObject {
  const properties = objectOf(schema['properties']);
  const [choice] = listOf(schema['anyOf']).map((each) => textsOf(objectOf(each)['required']));
  const needed = [...textsOf(schema['required']), ...(choice ?? [])];
  const names = needed.length === 0 && 'reason' in properties ? ['reason'] : needed;
  return Object.fromEntries(names.map((name) => [name, sampleOf(objectOf(properties[name]))]));
}

/** In single quotes for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export type Requested = {
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  readonly operation: JsonObject;
};

export function curlOf({ origin, path, method, operation }: Requested): string {
  const url = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const found = listOf(operation['parameters'])
      .map(objectOf)
      .find((each) => each['name'] === name);
    const sample = sampleOf(objectOf(found?.['schema']));
    return encodeURIComponent(typeof sample === 'string' ? sample : JSON.stringify(sample));
  });
  const media = objectOf(objectOf(operation['requestBody'])['content']);
  const schema = objectOf(objectOf(media['application/json'])['schema']);
  const body = JSON.stringify(sampleBody(schema));
  const isOpen = listOf(operation['security']).length === 0;
  const parts = [
    `curl -s${method === 'GET' ? '' : ` -X ${method}`}`,
    ...(isOpen ? [] : ['-H "authorization: Bearer $HEADGATE_TOKEN"']),
    ...(body === '{}' ? [] : [`-H 'content-type: application/json' -d ${quoted(body)}`]),
    quoted(`${origin}${url}`),
  ];
  return parts.join(' \\\n  ');
}

export function summaryOf(operation: JsonObject): string {
  return textOf(operation['summary']);
}
