/** The one gate: every check in order, each with the line that runs it alone. `--static`: no tests. */
import { run } from './run.js';

type Step = { readonly name: string; readonly command: readonly [string, ...string[]] };

const STEPS: readonly Step[] = [
  { name: 'generated code is fresh', command: ['npm', 'run', '--silent', 'gen:check'] },
  { name: 'format', command: ['npm', 'run', '--silent', 'format:check'] },
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'arrows', command: ['npm', 'run', '--silent', 'arrows'] },
  { name: 'proto lint', command: ['npm', 'run', '--silent', 'proto:lint'] },
  { name: 'proto breaking', command: ['npm', 'run', '--silent', 'proto:breaking'] },
  { name: 'docs', command: ['npm', 'run', '--silent', 'docs:check'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
];
const TESTS: Step = { name: 'tests', command: ['npm', 'test'] };

/** Goes on after a failure: one run tells everything there is to mend. */
async function main(isStatic: boolean): Promise<number> {
  const failed: string[] = [];
  for (const step of isStatic ? STEPS : [...STEPS, TESTS]) {
    const since = performance.now();
    const { code, output } = await run(step.command, { quiet: step !== TESTS });
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`);
    if (code === 0) continue;
    console.log(`${output.trimEnd()}\n  ran: ${step.command.join(' ')}`);
    failed.push(step.name);
  }
  if (failed.length > 0) console.log(`verify failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.includes('--static'));
