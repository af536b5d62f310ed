/**
 * What stands around a service under test: its directory, its configuration, and the upstream, which
 * lives in the process of the test, so that what it counted survives every kill.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { startSandbox, type RequestRecord, type Sandbox } from '../../src/sources/sandbox/index.js';
import { spawnService, type Service, type SpawnOptions } from './process-service.js';

/** Known to nobody but these tests: it may turn up nowhere. */
export const TEST_KEY = 'process-test-key-7f3a';

export type WorldOptions = {
  readonly seed?: number;
  /** Members of the configuration file beside the usual ones. */
  readonly config?: JsonObject;
  readonly collectors?: JsonObject;
};

export type World = {
  readonly directory: string;
  readonly dataDir: string;
  readonly journalPath: string;
  readonly sandbox: Sandbox;
  /** Collector settings that point at the sandbox and run every 200 ms. */
  live(provider: 'binance' | 'moralis', more?: JsonObject): JsonObject;
  /** Writes the configuration the next start reads. */
  configure(collectors: JsonObject, config?: JsonObject): void;
  spawn(options?: Partial<SpawnOptions>): Service;
  /** Spawns and waits until it serves. */
  start(options?: Partial<SpawnOptions>): Promise<Service>;
  /** Calls back at each request the sandbox hears, in the turn in which it arrives. */
  onArrival(listener: (record: RequestRecord) => void): void;
  /** Resolves when no request is under way at the sandbox. */
  quiet(): Promise<void>;
};

/** Ready for one test; everything of it is gone when the test is over. */
export async function processWorld(options: WorldOptions = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-process-'));
  const children: Service[] = [];
  const random = seededRandom(options.seed ?? 1);
  const sandbox = await startSandbox({ port: 0, clock: systemClock(), random });
  sandbox.control.configure('moralis', { keys: [TEST_KEY] });
  onTestFinished(async () => {
    for (const child of children) await child.kill();
    await sandbox.close();
    if (process.env['HEADGATE_KEEP'] === '1') console.log(`kept: ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  });
  const dataDir = join(directory, 'data');
  const file = join(directory, 'config.json');
  const configure: World['configure'] = (collectors, config = options.config ?? {}) => {
    const usual = {
      data: { dir: dataDir },
      rest: { port: 0 },
      // A test asks as fast as it can.
      auth: { requests_per_second: 0 },
      grpc: { port: 0 },
      metrics: { port: 0 },
    };
    // Nothing else: a live source of another collector would ask its real upstream.
    const only = Object.keys(collectors).join();
    writeFileSync(file, JSON.stringify({ ...usual, only, ...config, collectors }));
  };
  const live: World['live'] = (provider, more = {}) => ({
    enabled: true,
    upstream: 'live',
    base_url: sandbox.upstreamUrl(provider),
    interval_ms: 200,
    ...more,
  });
  const spawn: World['spawn'] = (more = {}) => {
    const service = spawnService({
      args: ['serve', '--config', file],
      env: { MORALIS_API_KEY: TEST_KEY },
      ...more,
    });
    children.push(service);
    return service;
  };
  configure(options.collectors ?? { historical: live('binance'), moralis: live('moralis') });
  return {
    directory,
    dataDir,
    journalPath: join(dataDir, 'journal.db'),
    sandbox,
    live,
    configure,
    spawn,
    async start(more) {
      const service = spawn(more);
      await service.serving();
      return service;
    },
    onArrival(listener) {
      // `seen` shows each request at its arrival and at its end; nothing is ever accepted here.
      void sandbox.control.seen((record) => {
        if (record.fate === 'pending') listener(record);
        return false;
      });
    },
    quiet: () =>
      until('the sandbox is quiet', () =>
        sandbox.control.requests().every(({ fate }) => fate !== 'pending'),
      ),
  };
}

const clock = systemClock();
const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 60_000;

/** Resolves when the condition holds. @throws {Error} it did not, long after it should have. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const giveUpAt = clock.monotonic() + patienceMs;
  while (!(await holds())) {
    if (clock.monotonic() > giveUpAt) throw new Error(`never: ${what}`);
    await wait(clock, LOOK_EVERY_MS);
  }
}
