/** Text into HTML: whatever is not written here as markup comes out as text. */

/** Markup that is finished. */
export type Html = { readonly html: string };

type Part = Html | string | number | readonly Html[] | undefined;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

function shown(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escaped(part);
  if (typeof part === 'number') return String(part);
  if ('html' in part) return part.html;
  return part.map(({ html }) => html).join('');
}

/** A template: values are escaped unless they are markup already. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.map((string, i) => string + shown(parts[i]));
  return { html: text.join('') };
}

/** A sentence in which words between backticks are code. */
export function prose(text: string): Html {
  const parts = text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
  return { html: parts.map(shown).join('') };
}

/** A part of an address within the page. */
export function anchor(...words: readonly string[]): string {
  return words.join('-').replaceAll(/[^\w-]+/g, '-');
}
