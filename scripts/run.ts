/** Runs a program of node_modules/.bin, the way npm scripts do, and tells how it ended. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

export type Ended = { readonly code: number; readonly output: string };

/** `quiet` keeps the output for the answer, else it goes to the terminal as it comes. */
export function run(
  command: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly quiet?: boolean } = {},
): Promise<Ended> {
  const [program, ...args] = command;
  const path = [join(ROOT, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, PATH: path },
      stdio: [
        'ignore',
        options.quiet === true ? 'pipe' : 'inherit',
        options.quiet === true ? 'pipe' : 'inherit',
      ],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}
