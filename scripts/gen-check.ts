/** Fails when src/gen is not what `npm run gen` makes of proto/: generates beside it and compares. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run } from './run.js';

/** Files that differ, are missing or are too many, each with the reason. */
export function treeDifferences(expected: string, actual: string): readonly string[] {
  const files = new Set([...filesBelow(expected), ...filesBelow(actual)]);
  return [...files].sort().flatMap((file) => {
    const want = contentOf(join(expected, file));
    const have = contentOf(join(actual, file));
    if (want === have) return [];
    if (have === undefined) return [`${file}: is missing`];
    return [`${file}: ${want === undefined ? 'is not generated any more' : 'is out of date'}`];
  });
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const fresh = mkdtempSync(join(tmpdir(), 'headgate-gen-'));
  try {
    // `-o` puts the plugins' `out` directories below the temporary one.
    const ended = await run(['buf', 'generate', '-o', fresh], { quiet: true });
    if (ended.code !== 0) {
      console.error(ended.output);
      return ended.code;
    }
    const differences = treeDifferences(join(fresh, 'src', 'gen'), join(ROOT, 'src', 'gen'));
    for (const difference of differences) console.error(`src/gen/${difference}; run: npm run gen`);
    return differences.length === 0 ? 0 : 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
