/**
 * The documents as ready answers.
 *
 * D1 Each is made once, on first demand, and is the same object from then on.
 * D2 There is one page per origin, and of origins only the last: a service has one.
 */
import type { Answer } from '../answer.js';
import { openApiDocument } from './document.js';
import type { Described } from './document.js';
import { PAGE_CSP, docsPage } from './page.js';
import type { Descriptions } from './port.js';

export function descriptions(described: () => Described): Descriptions {
  let openApi: Answer | undefined;
  let page: { readonly origin: string; readonly answer: Answer } | undefined;
  const text = (): string => JSON.stringify(openApiDocument(described()));
  return {
    openApi: () => (openApi ??= { text: text(), shared: true }),
    page(origin) {
      if (page?.origin !== origin) {
        const answer = {
          text: docsPage(openApiDocument(described()), origin),
          shared: true,
          csp: PAGE_CSP,
        };
        page = { origin, answer };
      }
      return page.answer;
    },
  };
}
