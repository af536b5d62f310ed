/** What a start says that cannot be, and what it leaves alone. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { journalEvents } from '../support/process-journal.js';
import { spawnService, type Ended, type Service } from '../support/process-service.js';
import { processWorld, until } from '../support/process-world.js';

const TIMEOUT_MS = 60_000;
/** Whoever it is, it is not root, which may write everywhere. */
const NOBODY = 65_534;

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-start-'));
  onTestFinished(() => {
    chmodSync(directory, 0o700);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

type Failure = Ended & { readonly stderr: string; readonly service: Service };

async function failedStart(args: readonly string[], uid?: number): Promise<Failure> {
  const service = spawnService({
    args: ['serve', '--set', 'mode=sandbox', ...args],
    ...(uid !== undefined && { uid }),
  });
  onTestFinished(() => service.kill());
  const ended = await service.ended;
  return { ...ended, stderr: service.stderr(), service };
}

/** One line on standard error, for people: what is wrong, and no stack. */
function expectOneLine({ stderr, service }: Failure, ...words: readonly string[]): void {
  expect(stderr).toMatch(/^headgate: [^\n]+\n$/);
  for (const word of words) expect(stderr).toContain(word);
  expect(stderr).not.toMatch(/\bat .*:\d+:\d+|node:internal/);
  expect(service.lines.filter((line) => line['stack'] !== undefined)).toEqual([]);
}

const PORTS = ['--rest-port', '0', '--grpc-port', '0', '--metrics-port', '0'];

describe('a start that cannot be', { timeout: TIMEOUT_MS }, () => {
  it('is refused on a data directory in use, and the first goes on', async () => {
    const world = await processWorld();
    const first = await world.start();
    const second = await failedStart(['--data-dir', world.dataDir, ...PORTS]);
    expect(second.code).toBe(1);
    expectOneLine(second, 'journal_locked', world.journalPath, `process ${String(first.pid)}`);
    const { control } = world.sandbox;
    const before = control.requests().length;
    await until('it still collects', () => control.requests().length > before);
    expect((await first.get('/readyz')).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    const starts = journalEvents(world.journalPath).filter(({ type }) => type === 'ServiceStarted');
    expect(starts).toHaveLength(1);
  });

  it('works on a data directory whose owner was killed', async () => {
    const world = await processWorld();
    const first = await world.start();
    await first.kill();
    const second = await world.start();
    expect((await second.get('/readyz')).status).toBe(200);
  });

  it('says that the data directory cannot be made', async () => {
    const file = join(temporary(), 'a-file');
    writeFileSync(file, 'no directory');
    const failure = await failedStart(['--data-dir', join(file, 'data'), ...PORTS]);
    expect(failure.code).toBe(1);
    expectOneLine(failure, 'journal_unavailable', 'a-file');
  });

  it('says that the data directory cannot be written', async () => {
    const directory = join(temporary(), 'data');
    mkdirSync(directory);
    chmodSync(directory, 0o555);
    chmodSync(join(directory, '..'), 0o755);
    const uid = process.getuid?.() === 0 ? NOBODY : undefined;
    const failure = await failedStart(['--data-dir', directory, ...PORTS], uid);
    expect(failure.code).toBe(1);
    expectOneLine(failure, 'journal_unavailable', directory);
  });

  it.each([
    ['REST', 'rest_unavailable', '--rest-port'],
    ['gRPC', 'grpc_unavailable', '--grpc-port'],
    ['metrics', 'metrics_unavailable', '--metrics-port'],
    ['the sandbox', 'sandbox_unavailable', '--sandbox-port'],
  ] as const)('says that the port of %s is taken', async (_name, code, taken) => {
    const port = String(await takenPort());
    const all = ['--rest-port', '--grpc-port', '--metrics-port', '--sandbox-port'];
    const others = all.filter((flag) => flag !== taken).flatMap((flag) => [flag, '0']);
    const failure = await failedStart(['--data-dir', temporary(), taken, port, ...others]);
    expect(failure.code).toBe(1);
    expectOneLine(failure, code, `127.0.0.1:${port}`);
  });

  it('says goodbye when a port is taken: the next start calls that end clean', async () => {
    const directory = temporary();
    const port = String(await takenPort());
    const others = ['--grpc-port', '0', '--metrics-port', '0'];
    const taken = ['--data-dir', directory, '--rest-port', port, ...others];
    expect((await failedStart(taken)).code).toBe(1);
    const args = ['serve', '--set', 'mode=sandbox', '--data-dir', directory, ...PORTS];
    const next = spawnService({ args });
    onTestFinished(() => next.kill());
    const line = await next.said('recovered');
    expect(line).toMatchObject({ previous_end: 'clean', unknown_runs: 0, open_blocks: 0 });
  });

  it('tells all that is wrong with the configuration at once, exits 2, and touches nothing', async () => {
    const directory = join(temporary(), 'data');
    const failure = await failedStart([
      '--data-dir',
      directory,
      '--rest-port',
      '99999',
      '--set',
      'collectors.historical.interval_ms=-5',
      '--set',
      'breaker.failure_rate=7',
      '--set',
      'journal.fsync=never',
    ]);
    expect(failure.code).toBe(2);
    const lines = failure.stderr.trimEnd().split('\n');
    expect(lines.every((line) => line.startsWith('headgate: '))).toBe(true);
    expect(lines).toHaveLength(4);
    for (const option of ['rest.port', 'interval_ms', 'breaker.failure_rate', 'journal.fsync']) {
      expect(lines.filter((line) => line.includes(option))).toHaveLength(1);
    }
    expect(() => journalEvents(join(directory, 'journal.db'))).not.toThrow();
    expect(journalEvents(join(directory, 'journal.db'))).toEqual([]);
  });
});
