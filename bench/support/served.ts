/** The compiled service as a process of its own, as `npm start` runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type Served = {
  /** Resolves when it serves. */
  readonly ready: Promise<void>;
  /** A scrape: the values of series without labels, and sums of those with. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
};

export function spawnServe(configFile: string): Served {
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  const child = spawn(
    process.execPath,
    [main, 'serve', '--config', configFile, '--set', 'log.level=info'],
    {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  let address = '';
  const ready = new Promise<void>((resolve, reject) => {
    void ended.then(() => reject(new Error('the service ended')));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const said = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if (said['msg'] !== 'serving') return;
      address = String(said['metrics']);
      resolve();
    });
  });
  return {
    ready,
    async metrics() {
      return seriesOf(await textOf(address));
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

function seriesOf(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const found = /^([a-z_0-9]+)(?:\{[^}]*\})? (\S+)/.exec(line);
    const [, name, value] = found ?? [];
    if (name === undefined || value === undefined) continue;
    values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}
