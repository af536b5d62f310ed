/**
 * Fails when src/gen or proto/headgate.binpb, which serves reflection, is not what `npm run gen` makes of
 * proto/: generates beside them and compares.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run } from './run.js';
import type { Ended } from './run.js';

/** What reflection tells of. */
const SERVED = 'proto/headgate/v1';
const IMAGE = 'headgate.binpb';

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

/** Whether a committed image is the one expected, byte by byte. */
export function imageDifferences(expected: string, actual: string): readonly string[] {
  const want = bytesOf(expected);
  const have = bytesOf(actual);
  if (have === undefined) return [`proto/${IMAGE}: is missing`];
  return want?.equals(have) === true ? [] : [`proto/${IMAGE}: is out of date`];
}

function bytesOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

function contentOf(file: string): string | undefined {
  return bytesOf(file)?.toString('utf8');
}

async function runAll(...commands: readonly [string, ...string[]][]): Promise<Ended> {
  for (const command of commands) {
    const ended = await run(command, { quiet: true });
    if (ended.code !== 0) return ended;
  }
  return { code: 0, output: '' };
}

async function main(): Promise<number> {
  const fresh = mkdtempSync(join(tmpdir(), 'headgate-gen-'));
  try {
    // `-o` puts the plugins' `out` directories below the temporary one.
    const ended = await runAll(
      ['buf', 'generate', '-o', fresh],
      ['buf', 'build', '--path', SERVED, '-o', join(fresh, IMAGE)],
    );
    if (ended.code !== 0) {
      console.error(ended.output);
      return ended.code;
    }
    const differences = [
      ...treeDifferences(join(fresh, 'src', 'gen'), join(ROOT, 'src', 'gen')).map(
        (difference) => `src/gen/${difference}`,
      ),
      ...imageDifferences(join(fresh, IMAGE), join(ROOT, 'proto', IMAGE)),
    ];
    for (const difference of differences) console.error(`${difference}; run: npm run gen`);
    return differences.length === 0 ? 0 : 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
