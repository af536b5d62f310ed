/** Runs the real program as a child process: starts it, hears its log, steers it over REST, ends it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Lines of the log that are kept; a crash test runs for minutes. */
const LINES_MAX = 20_000;
/** Nothing that a test asks of a healthy service takes this long. */
const REQUEST_TIMEOUT_MS = 60_000;

/** One line of the service's log. */
export type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Reply = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

export type SpawnOptions = {
  /** What follows `headgate`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Modules loaded before the program. */
  readonly imports?: readonly string[];
  /** Run it as this user (only root may). */
  readonly uid?: number;
};

export type Service = {
  readonly pid: number;
  /** The log so far. */
  readonly lines: readonly Line[];
  readonly stderr: () => string;
  /** Resolves with the first line of this message, past or to come; rejects when the process ends first. */
  said(message: string): Promise<Line>;
  /** Resolves with the REST address when it serves; rejects when it ends first. */
  serving(): Promise<string>;
  /** Resolves when the process is gone and all it wrote was read. */
  readonly ended: Promise<Ended>;
  isRunning(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; answers how it ended. */
  stop(): Promise<Ended>;
  /** Asks over REST. @throws when no answer came: its outcome is unknown. */
  ask(method: string, path: string, body?: object, requestId?: string): Promise<Reply>;
  get(path: string): Promise<Reply>;
};

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts `headgate <args>`. It runs until it is ended: the caller sees to that. */
export function spawnService({ args, env = {}, imports = [], uid }: SpawnOptions): Service {
  const modules = ['tsx', ...imports].flatMap((module) => ['--import', module]);
  const child = spawn(process.execPath, [...modules, 'src/main.ts', ...args], {
    cwd: ROOT,
    // Nothing of the test runner's: options and colours of its own would change the program.
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  running.add(child);
  const heard = hearing(child);
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    running.delete(child);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  void ended.then((end) => {
    heard.fail(new Error(`the service ended (${JSON.stringify(end)}): ${heard.tail()}`));
  });
  const serving = async (): Promise<string> => String((await heard.said('serving'))['rest']);
  const ask: Service['ask'] = async (method, path, body, requestId) =>
    request(`${await serving()}${path}`, method, body, requestId);
  return {
    pid: child.pid ?? 0,
    lines: heard.lines,
    stderr: heard.stderr,
    said: heard.said,
    serving,
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    signal: (signal) => {
      child.kill(signal);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
    ask,
    get: (path) => ask('GET', path),
  };
}

async function request(
  url: string,
  method: string,
  body: object | undefined,
  requestId: string | undefined,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(requestId !== undefined && { 'x-request-id': requestId }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return { status: response.status, body: (await response.json()) as Reply['body'] };
}

type Waiter = {
  readonly message: string;
  readonly resolve: (line: Line) => void;
  readonly reject: (error: Error) => void;
};

function hearing(child: ChildProcess) {
  const lines: Line[] = [];
  const waiting = new Set<Waiter>();
  let failure: Error | undefined;
  let stderr = '';
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk.toString()}`.slice(-100_000);
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk.toString()}`.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) hear(lineOf(part));
  });
  const hear = (line: Line): void => {
    lines.push(line);
    if (lines.length > LINES_MAX) lines.splice(0, lines.length - LINES_MAX);
    for (const waiter of [...waiting]) {
      if (waiter.message !== line.msg) continue;
      waiting.delete(waiter);
      waiter.resolve(line);
    }
  };
  return {
    lines,
    stderr: () => stderr,
    tail: () =>
      `${lines
        .slice(-5)
        .map((line) => JSON.stringify(line))
        .join('\n')}\n${stderr}`,
    said: (message: string): Promise<Line> => {
      const past = lines.find((line) => line.msg === message);
      if (past !== undefined) return Promise.resolve(past);
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        waiting.add({ message, resolve, reject });
      });
    },
    fail(error: Error): void {
      failure = error;
      for (const waiter of waiting) waiter.reject(error);
      waiting.clear();
    },
  };
}

/** What is no JSON (a stack of the runtime's own) is a line all the same. */
function lineOf(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return { msg: text };
  }
}
