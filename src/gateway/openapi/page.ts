/** The OpenAPI document as one page: no script, nothing loaded, made for keyboards and screen readers. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../kernel/types.js';
import { anchor, html, prose } from './html.js';
import type { Html } from './html.js';
import { operationHtml, operationId, operationName } from './page-operation.js';
import type { Listed, Resolve } from './page-operation.js';
import { listOf, objectOf, rowsOf, rulesOf, schemaId, table, textOf } from './page-schema.js';
import { STYLE } from './page-style.js';

const hash = createHash('sha256').update(STYLE).digest('base64');

/** Its own style, and nothing else. */
export const PAGE_CSP = [
  "default-src 'none'",
  `style-src 'sha256-${hash}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

type Chapter = {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly Listed[];
};

function chaptersOf(document: JsonObject): readonly Chapter[] {
  const all = Object.entries(objectOf(document['paths'])).flatMap(([path, methods]) =>
    Object.entries(objectOf(methods)).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation: objectOf(operation),
    })),
  );
  return listOf(document['tags']).map((tag) => {
    const { name, description } = objectOf(tag);
    const operations = all.filter(({ operation }) => listOf(operation['tags'])[0] === name);
    return { name: textOf(name), description: textOf(description), operations };
  });
}

function resolver(document: JsonObject): Resolve {
  return (value) => {
    const ref = textOf(value['$ref']);
    if (ref === '') return value;
    return ref
      .split('/')
      .slice(1)
      .reduce((at, key) => objectOf(at[key]), document);
  };
}

const chapterId = ({ name }: Chapter): string => anchor('chapter', name.toLowerCase());

function navigation(chapters: readonly Chapter[]): Html {
  const links = (operations: readonly Listed[]): readonly Html[] =>
    operations.map(
      (each) => html`<li><a href="#${operationId(each)}">${operationName(each)}</a></li>`,
    );
  return html`<nav aria-labelledby="contents">
    <h2 id="contents">Contents</h2>
    ${chapters.map(
      (each) =>
        html`<h3><a href="#${chapterId(each)}">${each.name}</a></h3>
          <ul>
            ${links(each.operations)}
          </ul>`,
    )}
    <h3><a href="#schemas">Schemas</a></h3>
  </nav>`;
}

function schemaHtml(name: string, schema: JsonObject): Html {
  const id = schemaId(name);
  const rows = rowsOf(schema);
  const rules = rulesOf(schema);
  return html`<article aria-labelledby="${id}">
    <h3 id="${id}">${name}</h3>
    <p>${prose(textOf(schema['description']))}</p>
    ${rows.length === 0 ? '' : table(`Members of ${name}`, rows)}
    ${rules === '' ? '' : html`<p>${prose(rules)}</p>`}
  </article>`;
}

/** `origin`: where the requests of the examples go. */
export function docsPage(document: JsonObject, origin: string): string {
  const chapters = chaptersOf(document);
  const resolve = resolver(document);
  const { title, version, summary, description } = objectOf(document['info']);
  const schemas = Object.entries(objectOf(objectOf(document['components'])['schemas']));
  // Byte for byte what the hash is of.
  const style: Html = { html: `<style>${STYLE}</style>` };
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${textOf(title)}: REST</title>
        ${style}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the operations</a>
        <header>
          <h1>${textOf(title)}: REST</h1>
          <p>${textOf(summary)}</p>
          <p class="facts">
            Version ${textOf(version)}, at <code>${origin}</code>. The same for programs:
            <a href="/openapi.json">openapi.json</a>
          </p>
          <p>${prose(textOf(description))}</p>
        </header>
        <div class="columns">
          ${navigation(chapters)}
          <main id="main" tabindex="-1">
            ${chapters.map(
              (each) =>
                html`<section aria-labelledby="${chapterId(each)}">
                  <h2 id="${chapterId(each)}">${each.name}</h2>
                  <p>${prose(each.description)}</p>
                  ${each.operations.map((listed) => operationHtml(listed, origin, resolve))}
                </section>`,
            )}
            <section aria-labelledby="schemas">
              <h2 id="schemas">Schemas</h2>
              <p>What answers are made of, where more than one operation or member has it.</p>
              ${schemas.map(([name, schema]) => schemaHtml(name, objectOf(schema)))}
            </section>
          </main>
        </div>
        <footer><p>Made from the same table as the routes themselves.</p></footer>
      </body>
    </html> `;
  return page.html;
}
