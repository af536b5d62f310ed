/** Runs the real command in this process, with a terminal that remembers. */
import { program } from '../../src/cli/index.js';
import type { CliDeps } from '../../src/cli/index.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { systemClock } from '../../src/kernel/time.js';
import type { Clock } from '../../src/kernel/time.js';

export type Ran = { readonly code: number; readonly out: string; readonly err: string };

export type RunOptions = {
  /** Cells of a line; absent: nobody looks. */
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly deps?: Partial<CliDeps>;
};

/** A command that goes on: what it wrote so far, and its end. */
export type Running = {
  readonly out: () => string;
  readonly err: () => string;
  /** As Ctrl-C does. */
  readonly interrupt: () => void;
  readonly ended: Promise<number>;
  /** Resolves when what was written satisfies the test; rejects when the command ends before. */
  wrote(test: (out: string, err: string) => boolean): Promise<void>;
};

/** Begins a command line. */
export function begin(args: readonly string[], options: RunOptions = {}): Running {
  const written = { out: '', err: '' };
  const enders = new Set<() => void>();
  const looks = new Set<() => void>();
  const write = (where: 'out' | 'err') => (text: string) => {
    written[where] += text;
    for (const look of looks) look();
  };
  const terminal: Terminal = {
    out: write('out'),
    err: write('err'),
    columns: () => options.columns,
    rows: () => 40,
    isTty: options.columns !== undefined,
    ended(follow) {
      enders.add(follow);
      return () => enders.delete(follow);
    },
  };
  const none = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  const ended = program({
    version: 'test',
    switches: [],
    optionsHelp: '',
    scenarios: [],
    serve: none,
    demo: none,
    verify: none,
    env: options.env ?? {},
    clock: options.clock ?? systemClock(),
    terminal,
    ...options.deps,
  }).run(args);
  return {
    out: () => written.out,
    err: () => written.err,
    interrupt: () => {
      for (const end of enders) end();
    },
    ended,
    wrote: (test) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!test(written.out, written.err)) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        void ended.then((code) => {
          reject(new Error(`it ended with ${String(code)}: ${written.out}\n${written.err}`));
        });
        look();
      }),
  };
}

/** Runs a command line to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const running = begin(args, options);
  const code = await running.ended;
  return { code, out: running.out(), err: running.err() };
}
