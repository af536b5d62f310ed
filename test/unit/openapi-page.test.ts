/** The page of the interface: whole, readable without script, by keyboard and by ear, in light and dark. */
import { describe, expect, it } from 'vitest';
import { OPERATIONS, STREAMS } from '../../src/gateway/api.js';
import { openApiDocument } from '../../src/gateway/openapi/document.js';
import { html, prose } from '../../src/gateway/openapi/html.js';
import { PAGE_CSP, docsPage } from '../../src/gateway/openapi/page.js';
import { COLOURS, STYLE } from '../../src/gateway/openapi/page-style.js';

const ORIGIN = 'http://127.0.0.1:4711';
const document = openApiDocument({ operations: OPERATIONS, streams: STREAMS, version: '1.2.3' });
const page = docsPage(document, ORIGIN);

const all = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? '');

/** Basics of what tools like axe look for; each finding in words. */
function flaws(text: string): readonly string[] {
  const ids = all(text, /\sid="([^"]*)"/g);
  const levels = all(text, /<h([1-6])[\s>]/g).map(Number);
  const named = all(text, /aria-labelledby="([^"]*)"/g);
  const links = all(text, /href="#([^"]*)"/g);
  const tables = all(text, /(<table[\s\S]*?<\/table>)/g);
  const anchors = all(text, /<a [^>]*>([\s\S]*?)<\/a>/g);
  return [
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice the id ${id}`),
    ...[...named, ...links].filter((id) => !ids.includes(id)).map((id) => `nothing is ${id}`),
    ...levels.flatMap((level, i) =>
      level > (levels[i - 1] ?? 0) + 1 ? [`a heading skips to ${String(level)}`] : [],
    ),
    ...(levels.filter((level) => level === 1).length === 1 ? [] : ['not one h1']),
    ...tables.filter((table) => !/<caption>\s*\S/.test(table)).map(() => 'a table has no caption'),
    ...tables.filter((table) => /<th(?! scope=")[\s>]/.test(table)).map(() => 'a th has no scope'),
    ...anchors.filter((inner) => inner.trim() === '').map(() => 'a link has no text'),
    ...['<html lang="en">', '<main ', '<nav ', '<header>', '<footer>', 'name="viewport"']
      .filter((part) => !text.includes(part))
      .map((part) => `no ${part}`),
    ...all(text, /((?:src|href|action)="(?!#|\/openapi\.json")[^"]*")/g),
    ...all(text, /(<(?:script|iframe|img|link|object|form)[\s>])/g),
    ...all(text, /(\son\w+=|\sstyle="|@import|url\()/g),
    ...unbalanced(text),
  ];
}

/** Elements that are not closed in the order in which they were opened. */
function unbalanced(text: string): readonly string[] {
  const open: string[] = [];
  for (const [, slash, name = ''] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?>/g)) {
    if (['meta', 'br'].includes(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) return [`</${name}> closes another element`];
  }
  return open.map((name) => `<${name}> is not closed`);
}

describe('the page', () => {
  it('has landmarks, one h1, headings in order, captions, and nothing from elsewhere', () => {
    expect(flaws(page)).toEqual([]);
  });

  it('would not pass with any of these faults', () => {
    const spoilt: readonly (readonly [string, string])[] = [
      ['<h2', '<h5'],
      ['<caption>', '<caption></caption><p>'],
      ['id="main"', 'id="schemas"'],
      ['href="#schemas"', 'href="#nowhere"'],
      ['href="/openapi.json"', 'href="https://example.org/x"'],
      ['</main>', ''],
      ['<style>', '<script></script><style>'],
      ['<th scope="row">', '<th>'],
    ];
    for (const [from, to] of spoilt) {
      expect(page).toContain(from);
      expect(flaws(page.replace(from, to)), `${from} -> ${to}`).not.toEqual([]);
    }
  });

  it('begins with a way past the contents', () => {
    expect(page).toMatch(/<body>\s*<a class="skip" href="#main">/);
  });

  it.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    'tells of %s where it is, who may, and how to ask',
    (name, { rest, role, anyone }) => {
      const [article = ''] = all(
        page,
        new RegExp(`(<article aria-labelledby="operation-${name}">[\\s\\S]*?</article>)`, 'g'),
      );
      expect(article).toContain(`<code>${rest.path}</code>`);
      expect(article).toContain(`>${rest.method}</b>`);
      if (anyone !== true) expect(article).toContain(`<code>${role}</code>`);
      expect(article).toContain(`&#39;${ORIGIN}/`);
      expect(article).not.toMatch(/&#39;http[^&]*[{}]/);
    },
  );

  it('may load its own style and nothing else', () => {
    expect(PAGE_CSP).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]{44}';/);
    expect(page).toContain(`<style>${STYLE}</style>`);
  });
});

describe('colours', () => {
  /** WCAG 2.2, 1.4.3. */
  const light = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [dark = 0, bright = 0] = [light(a), light(b)].toSorted((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };

  it.each(['light', 'dark'] as const)('of %s have a contrast of at least 4.5', (scheme) => {
    const { ground, raised, on, line: _line, text, muted, link, ...methods } = COLOURS[scheme];
    for (const paper of [ground, raised]) {
      for (const ink of [text, muted, link]) {
        expect(contrast(ink, paper), `${ink} on ${paper}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const [method, ink] of Object.entries(methods)) {
      expect(contrast(on, ink), method).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('that are too near would be seen', () => {
    expect(contrast('#ffffff', '#ffffff')).toBe(1);
    expect(contrast('#ffffff', '#000000')).toBeCloseTo(21);
    expect(contrast('#8a8a8a', '#ffffff')).toBeLessThan(4.5);
  });
});

describe('text on the page', () => {
  it('is never markup', () => {
    expect(html`<p>${'<b>&"\''}</p>`.html).toBe('<p>&lt;b&gt;&amp;&quot;&#39;</p>');
    expect(prose('a `<b>` c').html).toBe('a <code>&lt;b&gt;</code> c');
    const spoilt = JSON.parse(
      JSON.stringify(document).replaceAll('The collector.', '<script>alert(1)</script>'),
    ) as typeof document;
    expect(docsPage(spoilt, ORIGIN)).not.toContain('<script>');
  });
});
