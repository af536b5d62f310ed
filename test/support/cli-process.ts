/** Runs the real program as a process of its own against a service, as a shell does. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = [process.execPath, '--import', 'tsx', 'src/main.ts'];

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export type Env = Readonly<Record<string, string>>;

export type Exited = {
  /** null: a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
};

export type Command = {
  readonly ended: Promise<Exited>;
  /** Resolves when what was written so far satisfies the test; rejects when it ends before. */
  wrote(test: (out: string, err: string) => boolean): Promise<void>;
  signal(signal: 'SIGINT' | 'SIGTERM'): void;
  /** What a reader does that has enough: closes the other end. */
  stopReading(): void;
};

/** Begins `headgate <args>`; nothing of the runner's environment comes along. */
export function beginProcess(args: readonly string[], env: Env = {}): Command {
  const [file = '', ...before] = PROGRAM;
  return beginFile(file, [...before, ...args], env);
}

/** Runs `headgate <args>` to its end. */
export function runProcess(args: readonly string[], env: Env = {}): Promise<Exited> {
  return beginProcess(args, env).ended;
}

/**
 * `headgate <args>` on a terminal of so many columns, made by util-linux's `script`; what it wrote has a
 * carriage return at each line's end.
 */
export function runOnTerminal(
  columns: number,
  args: readonly string[],
  env: Env = {},
): Promise<Exited> {
  const words = [...PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
  const line = `stty cols ${String(columns)} rows 40; ${words}`;
  return beginFile('script', ['-qec', line, '/dev/null'], {
    TERM: 'xterm',
    SHELL: '/bin/sh',
    ...env,
  }).ended;
}

function beginFile(file: string, args: readonly string[], env: Env): Command {
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const written = { out: '', err: '' };
  const looks = new Set<() => void>();
  for (const [where, stream] of [
    ['out', child.stdout],
    ['err', child.stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written[where] += text;
      for (const look of [...looks]) look();
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Exited => {
    running.delete(child);
    return { code: code as number | null, signal: signal as string | null, ...written };
  });
  return {
    ended,
    wrote: (test) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!test(written.out, written.err)) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        void ended.then((end) => {
          reject(new Error(`it ended: ${JSON.stringify(end)}`));
        });
        look();
      }),
    signal: (signal) => {
      child.kill(signal);
    },
    stopReading: () => {
      child.stdout.destroy();
    },
  };
}
