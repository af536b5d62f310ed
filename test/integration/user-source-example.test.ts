/** docs/adding-a-source.md is true: its code is the examples', which keep every promise of a source. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SourceDefinition } from '../../src/public.js';
import { checkSource } from '../../src/testing/index.js';
import { coingecko, frankfurter } from '../support/user-source-upstreams.js';

const root = new URL('../../', import.meta.url);
const NOW = Date.UTC(2026, 0, 5, 12, 30);

async function exported(file: string, name: string): Promise<SourceDefinition> {
  const path: string = new URL(`examples/${file}`, root).href;
  const module = (await import(path)) as Readonly<Record<string, SourceDefinition>>;
  return module[name] ?? expect.fail(`${file} exports no ${name}`);
}

it('the page shows the two examples, letter by letter', () => {
  const page = readFileSync(new URL('docs/adding-a-source.md', root), 'utf8');
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]);
  const files = ['my-source.js', 'my-source.test.js'];
  expect(blocks).toEqual(
    files.map((file) => readFileSync(new URL(`examples/${file}`, root), 'utf8')),
  );
});

it('examples/my-source.js keeps what a source promises', async () => {
  const source = await exported('my-source.js', 'coinPrices');
  expect(await checkSource(source, { upstream: coingecko, now: NOW })).toEqual([]);
});

it('examples/exchange-rates.js keeps what a source promises', async () => {
  const source = await exported('exchange-rates.js', 'default');
  expect(await checkSource(source, { upstream: frankfurter, now: NOW })).toEqual([]);
});
