/** The package as another project has it: packed, unpacked, `headgate` and `headgate/testing` imported by name. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TIMEOUT_MS = 120_000;
let project = '';

/** As `npm run build` writes it, without waiting for the types of the whole. */
function built(into: string): void {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(ROOT, 'src', file), 'utf8');
    const { outputText } = ts.transpileModule(text, {
      fileName: file,
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    const target = join(into, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
}

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'headgate-package-'));
  const staging = join(project, 'staging');
  built(join(staging, 'dist'));
  for (const file of ['package.json', 'LICENSE', 'NOTICE', 'CHANGELOG.md'])
    copyFileSync(join(ROOT, file), join(staging, file));
  cpSync(join(ROOT, 'examples'), join(staging, 'examples'), { recursive: true });
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', project];
  execFileSync('npm', pack, { cwd: staging, stdio: 'pipe' });
  const [tarball = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'headgate'), { recursive: true });
  const tar = ['-xzf', join(project, tarball), '-C', join(modules, 'headgate')];
  execFileSync('tar', [...tar, '--strip-components=1']);
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== 'headgate') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  for (const name of ['my-source.js', 'my-source.test.js'])
    copyFileSync(join(ROOT, 'examples', name), join(project, name));
}, TIMEOUT_MS);

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

type Ended = { readonly code: number | null; readonly out: string };

async function node(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out };
}

describe('in another project', { timeout: TIMEOUT_MS }, () => {
  it('the test on the page runs as it stands, without a framework', async () => {
    const { code, out } = await node('--test', 'my-source.test.js');
    expect(out).toContain('coin_prices keeps what a source promises');
    expect(code).toBe(0);
  });

  it('the installed program takes the source', async () => {
    const main = join('node_modules', 'headgate', 'dist', 'main.js');
    const bad = ['--set', 'collectors.coin_prices.options={"coins":["Not A Coin"]}'];
    const { code, out } = await node(main, 'serve', '--sources', 'my-source.js', ...bad);
    expect(code).toBe(2);
    expect(out).toMatch(/^headgate: collectors\.coin_prices\.options\.coins\.0: .*\n$/);
  });

  it('both entries have what the page names', async () => {
    const script = `
      import * as own from 'headgate'; import * as kit from 'headgate/testing';
      console.log(Object.keys(own).join(), Object.keys(kit).join());`;
    const { out } = await node('--input-type=module', '-e', script);
    const [entry, kit] = out
      .trim()
      .split(' ')
      .map((names) => names.split(','));
    expect(entry).toEqual(
      expect.arrayContaining([
        'Type',
        'defineSource',
        'defineProfile',
        'judging',
        'observing',
        'reading',
      ]),
    );
    expect(kit).toEqual(expect.arrayContaining(['assertSource', 'checkSource', 'recordingsIn']));
  });
});
