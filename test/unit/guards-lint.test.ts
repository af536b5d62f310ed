/** Each ban of eslint.config.js, broken once by a planted file: a rule that finds nothing is no rule. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headgateRules } from '../../eslint.config.js';

type Planted = { readonly file: string; readonly code: string; readonly rule: string };

const lines = (count: number, line: string): string => `${line}\n`.repeat(count);

const BROKEN: Readonly<Record<string, Planted>> = {
  'Date.now': plant('export const at = Date.now();', 'no-restricted-properties'),
  'Math.random': plant('export const chance = Math.random();', 'no-restricted-properties'),
  'performance.now': plant('export const at = performance.now();', 'no-restricted-properties'),
  setTimeout: plant('setTimeout(() => undefined, 5);', 'no-restricted-globals'),
  setInterval: plant('setInterval(() => undefined, 5);', 'no-restricted-globals'),
  'globalThis.setTimeout': plant('globalThis.setTimeout(() => 0, 5);', 'no-restricted-properties'),
  'timers by import': plant(
    "import { setTimeout as sleep } from 'node:timers/promises';\nawait sleep(5);",
    'no-restricted-imports',
  ),
  'new Date() without a moment': plant('export const at = new Date();', 'no-restricted-syntax'),
  'Date() as a function': plant('export const at = Date();', 'no-restricted-syntax'),
  'the clock in a test': {
    file: 'test/unit/clock.test.ts',
    code: 'export const at = Date.now();',
    rule: 'no-restricted-properties',
  },
  console: plant("console.log('x');", 'no-console'),
  'a class that is no error': plant('export class Thing { x = 1; }', 'no-restricted-syntax'),
  'a class as a value': plant('export const thing = class { x = 1; };', 'no-restricted-syntax'),
  enum: plant('export enum Colour { red }', 'no-restricted-syntax'),
  namespace: plant('export namespace Room { export const x = 1; }', 'no-restricted-syntax'),
  'export *': plant("export * from './clean.js';", 'no-restricted-syntax'),
  'default export': plant('export default 1;', 'no-restricted-syntax'),
  'default export by another road': plant(
    'const x = 1;\nexport { x as default };',
    'no-restricted-syntax',
  ),
  'a class in the kernel': {
    file: 'src/kernel/thing.ts',
    code: 'export class Thing { x = 1; }',
    rule: 'no-restricted-syntax',
  },
  any: plant('export const x: any = 1;', '@typescript-eslint/no-explicit-any'),
  'non-null !': plant(
    'export const f = (x?: string): string => x!;',
    '@typescript-eslint/no-non-null-assertion',
  ),
  'ts-ignore': plant(
    '// @ts-ignore: because\nexport const x: number = 1;',
    '@typescript-eslint/ban-ts-comment',
  ),
  'a disable comment has no effect': plant(
    '// eslint-disable-next-line no-console\nconsole.log(1);',
    'no-console',
  ),
  'a value import of a type': plant(
    "import { Word } from './clean.js';\nexport const x: Word = 'a';",
    '@typescript-eslint/consistent-type-imports',
  ),
  'a switch that forgets a case': plant(
    "import type { Word } from './clean.js';\nexport function f(w: Word): number {\n  switch (w) {\n    case 'a':\n      return 1;\n  }\n  return 0;\n}",
    '@typescript-eslint/switch-exhaustiveness-check',
  ),
  'a promise nobody waits for': plant(
    'const later = async (): Promise<void> => { await Promise.resolve(); };\nlater();',
    '@typescript-eslint/no-floating-promises',
  ),
  '== for ===': plant('export const f = (a: string, b: string) => a == b;', 'eqeqeq'),
  'a file of 301 lines': plant(lines(301, '// x'), 'max-lines'),
  'a test of 501 lines': {
    file: 'test/unit/long.test.ts',
    code: lines(501, '// x'),
    rule: 'max-lines',
  },
  'a function of 71 lines': plant(
    `export function f(x: number): number {\n${lines(70, '  x += 1;')}  return x;\n}`,
    'max-lines-per-function',
  ),
  'a function of 16 ways': plant(
    `export function f(x: number): number {\n${lines(16, '  if (x > 1) return x;')}  return x;\n}`,
    'complexity',
  ),
  'six parameters': plant(
    `export const f = (${'abcdef'.split('').join(': number, ')}: number) => a + b + c + d + e + f2;`,
    'max-params',
  ),
};

/** What the rules leave alone, beside what they ban. */
const CLEAN: Readonly<Record<string, string>> = {
  'src/actors/clean.ts': [
    "export type Word = 'a' | 'b';",
    'export class TooLarge extends Error {}',
    'export class MuchTooLarge extends RangeError {}',
    'export const at = new Date(0).toISOString();',
    'export function f(word: Word): number {',
    '  switch (word) {',
    "    case 'a':",
    '      return 1;',
    "    case 'b':",
    '      return 2;',
    '  }',
    '}',
  ].join('\n'),
  'src/kernel/clock.ts': 'export const now = (): number => Date.now();',
  'src/cli/print.ts': "console.log('printed');",
  'test/support/clock.ts': 'export const now = (): number => Date.now();',
  'vitest.config.ts': 'export default { test: {} };',
};

function plant(code: string, rule: string): Planted {
  return { file: '', code, rule };
}

describe('the linter', () => {
  const root = mkdtempSync(join(tmpdir(), 'headgate-lint-'));
  const files = new Map<string, string>();
  let results: readonly ESLint.LintResult[] = [];

  beforeAll(async () => {
    Object.entries(BROKEN).forEach(([name, planted], index) => {
      const file = planted.file === '' ? `src/actors/planted-${String(index)}.ts` : planted.file;
      files.set(name, file);
      write(file, planted.code);
    });
    for (const [file, code] of Object.entries(CLEAN)) write(file, code);
    write('package.json', '{"type":"module"}');
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: { strict: true, module: 'NodeNext', target: 'ES2023', types: ['node'] },
        include: ['src', 'test', '*.config.ts'],
      }),
    );
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
    const eslint = new ESLint({
      cwd: root,
      overrideConfigFile: true,
      overrideConfig: headgateRules(root) as never,
    });
    results = await eslint.lintFiles(['.']);
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function write(file: string, code: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${code}\n`);
  }

  function rulesBroken(file: string | undefined): readonly (string | null)[] {
    const result = results.find((one) => one.filePath === join(root, file ?? '?'));
    if (result === undefined) throw new Error(`${String(file)} was not linted`);
    return result.messages.map((message) => message.ruleId);
  }

  it.each(Object.entries(BROKEN))('finds %s', (name, planted) => {
    expect(rulesBroken(files.get(name))).toContain(planted.rule);
  });

  it.each(Object.keys(CLEAN))('leaves %s alone', (file) => {
    expect(rulesBroken(file)).toEqual([]);
  });
});
