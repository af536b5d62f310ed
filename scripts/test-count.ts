/** Reads vitest's JSON report and prints `tests: N passed, N failed`: the last line of .ci/run. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** The members of vitest's (Jest's) report that count. */
type Report = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
};

export type Count = {
  readonly line: string;
  /** Why the run does not count as passed; empty when it does. */
  readonly problems: readonly string[];
};

export function countOf(report: Report): Count {
  const { numPassedTests: passed, numFailedTests: failed } = report;
  const skipped = report.numPendingTests + report.numTodoTests;
  const problems = [
    ...(passed + failed === 0 ? ['no test ran'] : []),
    ...(skipped > 0 ? [`${String(skipped)} tests were skipped`] : []),
    ...(failed > 0 ? [`${String(failed)} tests failed`] : []),
    ...(failed === 0 && !report.success ? ['the run failed outside of its tests'] : []),
  ];
  return { line: `tests: ${String(passed)} passed, ${String(failed)} failed`, problems };
}

function main(file: string): number {
  const { line, problems } = countOf(JSON.parse(readFileSync(file, 'utf8')) as Report);
  for (const problem of problems) console.error(problem);
  console.log(line);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = main(process.argv[2] ?? '');
}
