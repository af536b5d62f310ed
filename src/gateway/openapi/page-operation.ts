/** One operation on the page: where it is, who may, what it takes, what it answers, an example. */
import type { JsonObject } from '../../kernel/types.js';
import { curlOf, summaryOf } from './example.js';
import { anchor, html, prose } from './html.js';
import type { Html } from './html.js';
import {
  listOf,
  objectOf,
  refName,
  rowsOf,
  schemaId,
  table,
  textOf,
  textsOf,
} from './page-schema.js';
import type { Row } from './page-schema.js';

export type Listed = {
  readonly path: string;
  readonly method: string;
  readonly operation: JsonObject;
};

/** Follows a reference within the document. */
export type Resolve = (value: JsonObject) => JsonObject;

export const operationName = ({ operation }: Listed): string => textOf(operation['operationId']);
export const operationId = (listed: Listed): string => anchor('operation', operationName(listed));

export function operationHtml(listed: Listed, origin: string, resolve: Resolve): Html {
  const { path, method, operation } = listed;
  const id = operationId(listed);
  const grpc = textOf(operation['x-grpc']);
  const writes = textsOf(operation['x-writes']).map((fact) => `\`${fact}\``);
  return html`<article aria-labelledby="${id}">
    <h3 id="${id}">${operationName(listed)}</h3>
    <p class="route"><b class="${method.toLowerCase()}">${method}</b> <code>${path}</code></p>
    <p>${prose(summaryOf(operation))}</p>
    <p class="facts">${prose(whoMay(operation))}</p>
    ${writes.length === 0 ? '' : html`<p class="facts">${prose(`Writes ${writes.join(', ')}.`)}</p>`}
    ${grpc === '' ? '' : html`<p class="facts">In gRPC: <code>${grpc}</code>.</p>`}
    ${parametersHtml(listed, resolve)}${bodyHtml(listed)}${answerHtml(listed)}
    ${problemsHtml(listed, resolve)}
    <h4>Example</h4>
    <pre tabindex="0" role="region" aria-label="Example of ${operationName(listed)}"><code>${curlOf(
      {
        ...listed,
        origin,
      },
    )}</code></pre>
  </article>`;
}

function whoMay(operation: JsonObject): string {
  const role = textOf(operation['x-role']);
  if (listOf(operation['security']).length === 0)
    return 'Anyone who reaches the service may call it.';
  return `Needs the role \`${role}\`.`;
}

function parametersHtml(listed: Listed, resolve: Resolve): Html {
  const rows: readonly Row[] = listOf(listed.operation['parameters']).map((each) => {
    const found = resolve(objectOf(each));
    const schema = { ...objectOf(found['schema']), description: textOf(found['description']) };
    const required = found['required'] === true;
    return { name: textOf(found['name']), schema, required, place: textOf(found['in']) };
  });
  return html`<h4>Parameters</h4>
    ${table(`Parameters of ${operationName(listed)}`, rows)}`;
}

function bodyHtml(listed: Listed): Html {
  const body = objectOf(listed.operation['requestBody']);
  const schema = schemaIn(body, 'application/json');
  const rows = rowsOf(schema);
  if (rows.length === 0) return html``;
  const choice = listOf(schema['anyOf']).flatMap((each) => textsOf(objectOf(each)['required']));
  const note = `At least one of ${choice.map((name) => `\`${name}\``).join(', ')} is needed.`;
  return html`<h4>Body</h4>
    ${choice.length === 0 ? '' : html`<p>${prose(note)}</p>`}
    ${table(`Members of the JSON body of ${operationName(listed)}`, rows)}`;
}

function schemaIn(holder: JsonObject, type: string): JsonObject {
  return objectOf(objectOf(objectOf(holder['content'])[type])['schema']);
}

function answerHtml(listed: Listed): Html {
  const answer = objectOf(objectOf(listed.operation['responses'])['200']);
  const types = Object.keys(objectOf(answer['content']));
  const schema = schemaIn(answer, types[0] ?? '');
  const rows = rowsOf(schema);
  const said = types.map((type) => `\`${type}\``).join(' or ');
  const name = refName(schema);
  return html`<h4>Answer</h4>
    <p>${prose(`200, ${said}.`)} ${prose(textOf(schema['description']))}</p>
    ${name === undefined ? '' : html`<p><a href="#${schemaId(name)}">${name}</a></p>`}
    ${rows.length === 0 ? '' : table(`Members of the answer of ${operationName(listed)}`, rows)}`;
}

function problemsHtml(listed: Listed, resolve: Resolve): Html {
  const responses = Object.entries(objectOf(listed.operation['responses']));
  const rows = responses
    .filter(([status]) => status !== '200')
    .map(
      ([status, response]) =>
        html`<tr>
          <th scope="row">${status}</th>
          <td>${prose(textOf(resolve(objectOf(response))['description']))}</td>
        </tr>`,
    );
  return html`<details>
    <summary>Problems of ${operationName(listed)}</summary>
    <table class="problems">
      <caption>
        What it may be refused with, as
        <a href="#${schemaId('Problem')}">Problem</a>
      </caption>
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Codes</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </details>`;
}
