/** Each check of `npm run verify` that is ours, failing once on something planted. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { optionRows, optionsHelp, optionsTable } from '../../src/config/help.js';
import { OPTIONS } from '../../src/config/options.js';
import { COLLECTOR_OPTIONS } from '../../src/config/options-collector.js';
import {
  differences,
  linkedPaths,
  namedPaths,
  namedScripts,
  refusalKinds,
  roomsMissing,
  TABLE_BEGIN,
  TABLE_END,
  tableUnder,
  thrownCodes,
  withTable,
} from '../../scripts/docs-checks.js';
import { imageDifferences, treeDifferences } from '../../scripts/gen-check.js';
import { run, ROOT } from '../../scripts/run.js';
import { countOf } from '../../scripts/test-count.js';

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function directory(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'headgate-scripts-'));
  made.push(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

describe('the check of generated code', () => {
  it('finds what is out of date, missing, or not generated any more', () => {
    const fresh = directory({ 'a/same.ts': '1', 'a/old.ts': '2', 'new.ts': '3' });
    const committed = directory({ 'a/same.ts': '1', 'a/old.ts': '1', 'gone.ts': '0' });
    expect(treeDifferences(fresh, committed)).toEqual([
      'a/old.ts: is out of date',
      'gone.ts: is not generated any more',
      'new.ts: is missing',
    ]);
    expect(treeDifferences(fresh, fresh)).toEqual([]);
  });

  it('finds an image that serves another contract, or none', () => {
    const images = directory({ fresh: 'a', same: 'a', old: 'b' });
    const [fresh, same, old, gone] = ['fresh', 'same', 'old', 'gone'].map((name) =>
      join(images, name),
    ) as [string, string, string, string];
    expect(imageDifferences(fresh, same)).toEqual([]);
    expect(imageDifferences(fresh, old)).toEqual(['proto/headgate.binpb: is out of date']);
    expect(imageDifferences(fresh, gone)).toEqual(['proto/headgate.binpb: is missing']);
  });
});

describe('the comparison with the last release', () => {
  const FACTS = 'proto/headgate/events/v1/breaker.proto';
  const SERVICE = 'proto/headgate/v1/permit_service.proto';

  async function breaking(change: (text: string) => string, file = FACTS): Promise<string> {
    const root = directory();
    cpSync(join(ROOT, 'proto'), join(root, 'proto'), { recursive: true });
    cpSync(join(ROOT, 'buf.yaml'), join(root, 'buf.yaml'));
    const before = readFileSync(join(root, file), 'utf8');
    const after = change(before);
    writeFileSync(join(root, file), after);
    const against = join(ROOT, 'proto', 'baseline.binpb');
    const command = ['buf', 'breaking', '--against', against] as const;
    const { code, output } = await run([...command], { cwd: root, quiet: true });
    return `${String(code)} ${output}`;
  }

  it('lets the schema through as it is, and a field that is added', async () => {
    expect(await breaking((text) => text)).toBe('0 ');
    const added = (text: string): string =>
      text.replace('message BreakerReset {', 'message BreakerReset {\n  string added = 900;');
    expect(await breaking(added)).toBe('0 ');
  });

  it.each([
    ['a field that got another name', 'double retry_at_ms = 4;', 'double retry_when_ms = 4;'],
    ['a field that got another type', 'double retry_at_ms = 4;', 'string retry_at_ms = 4;'],
    ['a field that got another number', 'double retry_at_ms = 4;', 'double retry_at_ms = 400;'],
    ['a field that is gone', '  double retry_at_ms = 4;\n', ''],
  ])('finds %s', async (_, from, to) => {
    expect(await breaking((text) => text.replace(from, to))).toMatch(/^100 .*breaker\.proto/);
  });

  it.each([
    ['an rpc that is gone', /^ {2}rpc Report\(.*$/m, ''],
    ['an enum value that is gone', /^ {2}PRIORITY_BACKFILL = 2;$/m, ''],
    ['a field that lost its presence', /oneof optional_remaining \{([^}]*)\}/, '$1'],
  ])('finds %s, of what clients are generated from', async (_, from, to) => {
    const change = (text: string): string => text.replace(from, to);
    expect(await breaking(change, SERVICE)).toMatch(/^100 .*permit_service\.proto/);
  });
});

describe('the check of the documentation', () => {
  const document = `before\n${TABLE_BEGIN}\n\nold\n\n${TABLE_END}\nafter\n`;

  it('replaces the table between its marks and nothing else', () => {
    const fresh = withTable(document, 'new') ?? '';
    expect(fresh).toBe(`before\n${TABLE_BEGIN}\n\nnew\n\n${TABLE_END}\nafter\n`);
    expect(withTable(fresh, 'new')).toBe(fresh);
    expect(withTable('no place', 'new')).toBeUndefined();
  });

  it('finds what is not documented, what does not exist, what stands twice', () => {
    expect(differences('error', ['a', 'b'], ['b', 'c', 'b'])).toEqual([
      'error a is not documented',
      'error c is documented and does not exist',
      'error b is documented twice',
    ]);
  });

  it('reads codes and kinds out of the sources, and cells out of a table', () => {
    expect(thrownCodes(["  readonly code = 'too_big';", "readonly code = 'a_b';"])).toEqual([
      'a_b',
      'too_big',
    ]);
    expect(refusalKinds("  | { readonly kind: 'would-never' }")).toEqual(['would-never']);
    const table =
      '# T\n\n## One\n\n| code | n |\n|---|---|\n| `a_b` | 4 |\n\n## Two\n| `c` | 5 |\n';
    expect(tableUnder(table, 'One')).toEqual(['a_b']);
    expect(tableUnder(table, 'Two', 2)).toEqual(['c 5']);
    expect(tableUnder(table, 'Three')).toEqual([]);
  });

  it('sees which paths, links and commands a document names', () => {
    const text =
      'See `src/a.ts:12`, `src/*.ts`, `x`, [this](b.md#part), [that](https://x/y), `npm run gen:check`.';
    expect(namedPaths(text)).toEqual(['src/a.ts']);
    expect(linkedPaths(text)).toEqual(['b.md']);
    expect(namedScripts(text)).toEqual(['gen:check']);
  });

  it('misses a room on the map of the README', () => {
    const map = '  kernel/    time\n  `journal/` the log\n';
    expect(roomsMissing(map, ['kernel', 'journal', 'actors'])).toEqual(['actors']);
  });
});

describe('the help and the documentation of options', () => {
  const rows = optionRows();

  it('have a row for each option of the table', () => {
    expect(rows).toHaveLength(OPTIONS.length + COLLECTOR_OPTIONS.length);
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
    expect(new Set(rows.flatMap(({ variables }) => variables)).size).toBeGreaterThanOrEqual(
      rows.length,
    );
  });

  it('list the same names, variables, switches, defaults and units', () => {
    const help = optionsHelp();
    const documented = readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8');
    expect(withTable(documented, optionsTable())).toBe(documented);
    for (const row of rows) {
      for (const word of [row.key, ...row.variables, row.flag ?? '']) expect(help).toContain(word);
      const line = documented.split('\n').find((one) => one.startsWith(`| \`${row.key}\` |`));
      for (const word of [...row.variables, row.flag ?? '', row.unit]) expect(line).toContain(word);
      expect(help).toContain(row.default);
    }
  });
});

describe('the count of tests', () => {
  const report = {
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    numFailedTestSuites: 0,
    success: true,
  };

  it('is one line', () => {
    expect(countOf(report)).toEqual({ line: 'tests: 3 passed, 0 failed', problems: [] });
  });

  it.each([
    [{ numPassedTests: 0 }, 'no test ran'],
    [{ numPendingTests: 1 }, '1 tests were skipped'],
    [{ numTodoTests: 2 }, '2 tests were skipped'],
    [{ numFailedTests: 4, success: false }, '4 tests failed'],
    [{ success: false }, 'the run failed outside of its tests'],
  ])('does not pass when %j', (change, problem) => {
    expect(countOf({ ...report, ...change }).problems).toContain(problem);
  });
});
