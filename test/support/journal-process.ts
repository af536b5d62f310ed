/** Starts the appending process (journal-child.ts), kills it, reads its notes. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./journal-child.ts', import.meta.url));

export type Appender = {
  readonly process: ChildProcess;
  /** Resolves when it has opened the journal, or has ended without. */
  readonly ready: Promise<'ready' | 'ended'>;
  readonly ended: Promise<number | null>;
  readonly stderr: () => string;
};

export function startAppender(
  path: string,
  options: { readonly round?: number; readonly mode?: 'append' | 'hold'; readonly fileKb?: number },
): Appender {
  const { round = 0, mode = 'append', fileKb } = options;
  const node = ['--import', 'tsx', CHILD, path, `${path}.notes`, String(round), mode];
  const limited = `ulimit -f ${String(fileKb)}; exec "$0" "$@"`;
  const child =
    fileKb === undefined
      ? spawn(process.execPath, node, { stdio: 'pipe' })
      : spawn('bash', ['-c', limited, process.execPath, ...node], { stdio: 'pipe' });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const ready = Promise.race([
    once(child.stdout, 'data').then(() => 'ready' as const),
    ended.then(() => 'ended' as const),
  ]);
  return { process: child, ready, ended, stderr: () => stderr };
}

export async function kill(appender: Appender): Promise<void> {
  appender.process.kill('SIGKILL');
  await appender.ended;
}

export type Note = { readonly stream: string; readonly expected: number; readonly id: string };

/** What the processes intended and what was acknowledged to them. A torn last line is no note. */
export function readNotes(path: string): {
  readonly acked: readonly Note[];
  readonly open: readonly Note[];
} {
  if (!existsSync(`${path}.notes`)) return { acked: [], open: [] };
  const lines = readFileSync(`${path}.notes`, 'utf8').split('\n').slice(0, -1);
  const acked: Note[] = [];
  const intended = new Map<string, Note>();
  for (const line of lines) {
    const [kind, stream = '', expected = '', id = ''] = line.split(' ');
    const note = { stream, expected: Number(expected), id };
    if (kind === 'i') intended.set(id, note);
    else {
      acked.push(note);
      intended.delete(id);
    }
  }
  return { acked, open: [...intended.values()] };
}
