/**
 * The contract as a client sees it that is not ours: Python's grpcio over code that grpcio-tools generated
 * at this moment, against a whole service. Needs Debian's python3-grpcio and python3-grpc-tools; without
 * them it is skipped, but never in CI.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app-service.js';

const PYTHON = '/usr/bin/python3';
const NEEDS = 'apt-get install python3-grpcio python3-grpc-tools';
const ROOT = join(import.meta.dirname, '..', '..');
const HERE = join(ROOT, 'test', 'contract-python');
/** Questions first: the first token, which all tests after it need, is made by whatever is imported first. */
const MODULES = ['test_questions', 'test_commands'];
const FOLDERS = [
  join(ROOT, 'proto'),
  HERE,
  join(ROOT, 'node_modules/grpc-health-check/proto/health/v1'),
  join(ROOT, 'node_modules/@grpc/reflection/build/proto/grpc/reflection/v1'),
];
const TEST_MS = 120_000;

function canRun(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import grpc, grpc_tools'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isThere = canRun();
const isCi = process.env['CI'] === 'true';
if (!isThere && !isCi) process.stderr.write(`skipped: the Python client needs ${NEEDS}\n`);

describe.skipIf(!isThere && !isCi)('a client that grpcio-tools generated', () => {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-python-'));

  beforeAll(() => {
    expect(isThere, `this needs ${NEEDS}`).toBe(true);
    execFileSync(PYTHON, [join(HERE, 'generate.py'), directory, ...FOLDERS]);
  }, TEST_MS);

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  const run = (app: TestApp, modules: readonly string[]): Promise<Told> =>
    python(['-B', '-m', 'unittest', '-v', ...modules], {
      PYTHONPATH: [HERE, directory].join(':'),
      HEADGATE_GRPC: app.grpcUrl(),
    });

  it('runs the whole contract', { timeout: TEST_MS }, async () => {
    const told = await run(await startTestApp(), MODULES);
    expect(told.code, told.output).toBe(0);
    expect(told.output).toMatch(/^Ran [4-9]\d tests/m);
  });

  it('is told when to come again where it asks too often', { timeout: TEST_MS }, async () => {
    const config = { auth: { requests_per_second: 1, burst: 2 } };
    const told = await run(await startTestApp({ config }), ['test_limits']);
    expect(told.code, told.output).toBe(0);
    expect(told.output).toMatch(/^Ran 1 test/m);
  });

  it('fails this test when it finds something else', { timeout: TEST_MS }, async () => {
    const told = await run(await startTestApp(), ['test_limits']);
    expect(told.code).not.toBe(0);
  });
});

type Told = { readonly code: number; readonly output: string };

/** Runs it to its end; its output is for people, and the test's message when it failed. */
function python(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Told> {
  return new Promise((resolve) => {
    const options = { cwd: HERE, env: { PATH: process.env['PATH'], ...env }, timeout: TEST_MS };
    execFile(PYTHON, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}
