/** Schemas as tables: one row for each member, nested ones by their whole way. */
import type { Json, JsonObject } from '../../kernel/types.js';
import { anchor, html, prose } from './html.js';
import type { Html } from './html.js';

export function objectOf(value: Json | undefined): JsonObject {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : {};
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** The texts of a list; what else is in it is left out. */
export function textsOf(value: Json | undefined): readonly string[] {
  return listOf(value).flatMap((each) => (typeof each === 'string' ? [each] : []));
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

const REF = /^#\/components\/schemas\/(.+)$/;

export function refName(schema: JsonObject): string | undefined {
  return REF.exec(textOf(schema['$ref']))?.[1];
}

export const schemaId = (name: string): string => anchor('schema', name);

/** What a value is, in few words; a named schema is a link to its own table. */
export function typeOf(schema: JsonObject): Html {
  const name = refName(schema);
  if (name !== undefined) return html`<a href="#${schemaId(name)}">${name}</a>`;
  const choices = listOf(schema['anyOf']).map(objectOf);
  if (choices.some((each) => 'type' in each || '$ref' in each)) return alternatives(choices);
  const types = [schema['type']].flat().map(textOf);
  const words = types.filter((type) => type !== 'null').map((type) => wordOf(type, schema));
  return joined(types.includes('null') ? [...words, html`null`] : words);
}

function alternatives(choices: readonly JsonObject[]): Html {
  return joined(choices.map(typeOf));
}

function joined(parts: readonly Html[]): Html {
  return { html: parts.map(({ html: text }) => text).join(' or ') };
}

function wordOf(type: string, schema: JsonObject): Html {
  if (type === 'array') return html`list of ${typeOf(objectOf(schema['items']))}`;
  const values = objectOf(schema['additionalProperties']);
  if (Object.keys(values).length > 0) return html`${typeOf(values)} by name`;
  if (type === 'integer') return html`whole number`;
  if (schema['format'] === 'date-time') return html`moment`;
  return html`${type === '' ? 'anything' : type}`;
}

/** `1 to 128`, `at least 1`, `more than 0, at most 8`; empty: there are no bounds. */
function range(schema: JsonObject, least: string, most: string, unit: string): readonly string[] {
  const [min, max] = [schema[least], schema[most]].map((bound) =>
    typeof bound === 'number' ? String(bound) : undefined,
  );
  if (min !== undefined && max !== undefined) return [`${min} to ${max}${unit}`];
  if (min !== undefined) return [`at least ${min}${unit}`];
  return max === undefined ? [] : [`at most ${max}${unit}`];
}

function boundsOf(schema: JsonObject): readonly string[] {
  const above = schema['exclusiveMinimum'];
  const isShown = typeof above === 'number' && !('minimum' in schema);
  return [
    ...(isShown ? [`more than ${String(above)}`] : []),
    ...range(schema, 'minimum', 'maximum', ''),
    ...range(schema, 'minLength', 'maxLength', ' characters'),
    ...range(schema, 'minItems', 'maxItems', ' entries'),
    ...('default' in schema ? [`${JSON.stringify(schema['default'])} if absent`] : []),
  ];
}

/** Bounds and words, as text with code in backticks; empty: there are none. */
export function rulesOf(schema: JsonObject): string {
  const words = textsOf(schema['enum']);
  const literal = 'const' in schema ? [`always \`${JSON.stringify(schema['const'])}\``] : [];
  const choice =
    words.length === 0 ? [] : [`one of ${words.map((word) => `\`${word}\``).join(', ')}`];
  return [...literal, ...choice, ...boundsOf(schema)].join('; ');
}

export type Row = {
  readonly name: string;
  readonly schema: JsonObject;
  readonly required: boolean;
  /** Where it stands, if that must be said. */
  readonly place?: string;
};

/** Members of an object, those of nameless objects in it after them. */
export function rowsOf(schema: JsonObject, before = ''): readonly Row[] {
  const required = listOf(schema['required']);
  return Object.entries(objectOf(schema['properties'])).flatMap(([key, value]) => {
    const each = objectOf(value);
    const name = `${before}${key}`;
    const row = { name, schema: each, required: required.includes(key) };
    return [row, ...rowsOf(each, `${name}.`), ...rowsOf(objectOf(each['items']), `${name}[].`)];
  });
}

function rowHtml({ name, schema, required, place }: Row): Html {
  const type = typeOf(schema);
  const kind = [place ?? '', required ? '' : 'optional'].filter((word) => word !== '').join(', ');
  const rules = rulesOf(schema);
  const meaning = textOf(schema['description']);
  return html`<tr>
    <th scope="row">
      <code>${name}</code><span class="type">${type}${kind === '' ? '' : `, ${kind}`}</span>
    </th>
    <td>${prose([meaning, rules === '' ? '' : `(${rules})`].join(' ').trim())}</td>
  </tr>`;
}

export function table(caption: string, rows: readonly Row[]): Html {
  return html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        <th scope="col">Member</th>
        <th scope="col">Meaning</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(rowHtml)}
    </tbody>
  </table>`;
}
