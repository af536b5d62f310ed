/** RESULTS.md: one section per benchmark, replaced when it is run with --write; the rest is left alone. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchmarks, type BenchmarkName } from './registry.js';
import { sectionOf, type Measurement } from './report.js';

const PATH = fileURLToPath(new URL('../RESULTS.md', import.meta.url));

const begin = (name: string): string => `<!-- begin ${name} -->`;
const end = (name: string): string => `<!-- end ${name} -->`;

export function writeResults(done: readonly (readonly [BenchmarkName, Measurement])[]): void {
  let text = existsSync(PATH) ? readFileSync(PATH, 'utf8') : '';
  for (const name of Object.keys(benchmarks)) {
    if (!text.includes(begin(name))) text += `\n${begin(name)}\n${end(name)}\n`;
  }
  for (const [name, measurement] of done) {
    const from = text.indexOf(begin(name)) + begin(name).length;
    const to = text.indexOf(end(name));
    text = `${text.slice(0, from)}\n\n${sectionOf(name, measurement).trim()}\n\n${text.slice(to)}`;
  }
  writeFileSync(PATH, text);
}
