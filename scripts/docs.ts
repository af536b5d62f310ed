/**
 * Checks that the documentation says what the program does; `--write` brings the table of options in
 * docs/configuration.md up to date first.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { optionsTable } from '../src/config/help.js';
import { STATUSES } from '../src/gateway/rest/statuses.js';
import {
  differences,
  linkedPaths,
  namedPaths,
  namedScripts,
  refusalKinds,
  roomsMissing,
  tableUnder,
  thrownCodes,
  withTable,
} from './docs-checks.js';
import { ROOT } from './run.js';

const CONFIGURATION = join(ROOT, 'docs', 'configuration.md');
const ERRORS = join(ROOT, 'docs', 'errors.md');
const README = join(ROOT, 'README.md');

function main(isWriting: boolean): number {
  const problems = [
    ...configurationProblems(isWriting),
    ...errorProblems(),
    ...documents().flatMap(documentProblems),
    ...readmeProblems(),
  ];
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

function configurationProblems(isWriting: boolean): readonly string[] {
  const document = read(CONFIGURATION);
  const fresh = withTable(document, optionsTable());
  if (fresh === undefined) return ['docs/configuration.md has no place for the table of options'];
  if (fresh === document) return [];
  if (!isWriting) return ['docs/configuration.md is not the table of options; run: npm run docs'];
  writeFileSync(CONFIGURATION, fresh);
  return [];
}

/** Each kind of error has its table in docs/errors.md, equal to what the program declares. */
function errorProblems(): readonly string[] {
  const document = read(ERRORS);
  const statuses = Object.entries(STATUSES).map(([code, status]) => `${code} ${String(status)}`);
  const refusals = refusalKinds(read(join(ROOT, 'src', 'actors', 'refusal.ts')));
  return [
    ...differences('problem', statuses, tableUnder(document, 'Answers of REST', 2)),
    ...differences('refusal', refusals, tableUnder(document, 'Refusals')),
    ...differences('error', thrownCodes(sources()), tableUnder(document, 'Thrown')),
  ];
}

/** What a document names must be there. */
function documentProblems(file: string): readonly string[] {
  const text = read(file);
  const name = relative(ROOT, file);
  const { scripts } = JSON.parse(read(join(ROOT, 'package.json'))) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const gone = namedPaths(text).filter((path) => !existsSync(join(ROOT, path)));
  const broken = linkedPaths(text).filter((path) => !existsSync(join(dirname(file), path)));
  const unknown = namedScripts(text).filter((script) => scripts[script] === undefined);
  return [
    ...gone.map((path) => `${name} names ${path}, which does not exist`),
    ...broken.map((path) => `${name} links to ${path}, which does not exist`),
    ...unknown.map((script) => `${name} says npm run ${script}, which does not exist`),
  ];
}

function readmeProblems(): readonly string[] {
  if (!existsSync(README)) return ['README.md does not exist'];
  const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  return roomsMissing(read(README), rooms).map((room) => `README.md has no src/${room} on its map`);
}

function documents(): readonly string[] {
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const inRoot = readdirSync(ROOT).map((file) => join(ROOT, file));
  return [...inRoot, ...inDocs.map((file) => join(ROOT, 'docs', file))].filter((file) =>
    file.endsWith('.md'),
  );
}

function sources(): readonly string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const ours = files.filter((file) => file.endsWith('.ts') && !file.startsWith('gen'));
  return ours.map((file) => read(join(ROOT, 'src', file)));
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

process.exitCode = main(process.argv.includes('--write'));
