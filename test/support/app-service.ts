/**
 * The whole service for one test: real stores in a directory of its own, real HTTP on free ports, the
 * bundled sandbox as upstream. It is stopped when the test is over; whatever it leaves behind (a timer,
 * a socket, a thread) fails the test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { startApp, type App } from '../../src/app.js';
import { loadConfig, problemLine, type Loaded } from '../../src/config.js';
import { openJournal } from '../../src/journal/index.js';
import type { Journal, StoredEvent } from '../../src/journal/port.js';
import { systemRandom } from '../../src/kernel/random.js';
import { systemClock, type Clock } from '../../src/kernel/time.js';
import type { JsonObject, Position } from '../../src/kernel/types.js';
import { configCatalogue, sourceCatalogue } from '../../src/sources/index.js';
import type { SourceDefinition } from '../../src/sources/port.js';
import type { Sandbox } from '../../src/sources/sandbox/index.js';
import { pinoLogger } from '../../src/telemetry/index.js';
import { ask, until, type Told } from './app-http.js';
import { countedClock, openResources, type CountedClock } from './app-leaks.js';
import { expectDocumented } from './openapi-hold.js';

export type AppOptions = {
  /** Members of the configuration file beside the usual ones; collectors are merged by name. */
  readonly config?: JsonObject;
  readonly collectors?: Readonly<Record<string, JsonObject>>;
  /** Variables with keys; nothing else is ever read from the environment. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Sources that have their own collector here; those of `collectors` come along. */
  readonly sources?: readonly string[];
};

const TWO = ['historical', 'moralis'];

export type LogLine = Readonly<Record<string, unknown>> & {
  readonly level: string;
  readonly msg: string;
};

export type TestApp = {
  readonly directory: string;
  readonly clock: CountedClock;
  /** Changes at each restart. */
  running(): App;
  sandbox(): Sandbox;
  /** host:port, for `grpcClient`. Changes at each restart. */
  grpcUrl(): string;
  get(path: string): Promise<Told>;
  put(path: string, body: unknown): Promise<Told>;
  post(path: string, body?: unknown): Promise<Told>;
  send(method: string, path: string, options?: Parameters<typeof ask>[1]): Promise<Told>;
  metrics(): Promise<string>;
  /** The whole journal, or what came after a position. */
  events(after?: Position): Promise<readonly StoredEvent[]>;
  head(): Promise<Position>;
  /** The whole journal of a stopped service, from its file. */
  stored(): Promise<readonly StoredEvent[]>;
  /** Resolves with the first event after the position that the test accepts, when the views show it. */
  event(
    what: string,
    test: (event: StoredEvent) => boolean,
    after?: Position,
  ): Promise<StoredEvent>;
  /** What was logged, as objects and as text. */
  readonly log: { readonly lines: readonly LogLine[]; text(): string };
  /** Stops it and starts it again over the same files. */
  restart(): Promise<void>;
  /** Stops it; the files stay until it is closed. */
  stop(): Promise<void>;
  /** Stops it, removes its files and looks whether anything is left. */
  close(): Promise<void>;
};

/** Near and quick, so that a test sees much in little time. Retries are short, drains are short. */
const USUAL = {
  mode: 'sandbox',
  rest: { port: 0 },
  grpc: { port: 0 },
  // A test asks as fast as it can; who tests the rate sets one.
  auth: { requests_per_second: 0 },
  metrics: { port: 0 },
  log: { level: 'debug' },
  retry: { base_ms: 5, cap_ms: 20 },
  shutdown: { drain_ms: 3000 },
} satisfies JsonObject;

/** A run every 200 ms, and a rate at which none of its few calls waits longer than that. */
const QUICK = {
  interval_ms: 200,
  jitter: 0,
  rate: { max_requests_per_second: 50 },
} satisfies JsonObject;

/** Runs until this test is over. Its collectors run every 200 ms, unless the options say otherwise. */
export async function startTestApp(options: AppOptions = {}): Promise<TestApp> {
  const app = await openTestApp(options);
  onTestFinished(() => app.close());
  return app;
}

/** The same for several tests: who opens it closes it. */
export async function openTestApp(options: AppOptions = {}): Promise<TestApp> {
  const before = openResources();
  const directory = mkdtempSync(join(tmpdir(), 'headgate-app-'));
  const clock = countedClock(options.clock ?? systemClock());
  const loaded = configured(options, join(directory, 'data'));
  const written: string[] = [];
  let app: App | undefined;
  const stop = async (): Promise<void> => {
    const last = app;
    app = undefined;
    await last?.stop('test');
    expect(clock.armed(), 'timers left armed').toEqual([]);
  };
  const close = async (): Promise<void> => {
    try {
      await stop();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    await until('no socket, server or thread is left open', () =>
      Object.entries(openResources()).every(([kind, count]) => count <= (before[kind] ?? 0)),
    );
  };
  const start = async (): Promise<void> => {
    app = await startApp({
      ...loaded,
      clock,
      random: systemRandom(),
      log: pinoLogger({
        level: 'debug',
        format: 'json',
        clock,
        secrets: () => loaded.secrets.values(),
        destination: { write: (line) => written.push(line) },
      }),
      version: 'test',
      onFatal: (error) => {
        throw error;
      },
    });
  };
  try {
    await start();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const running = (): App => {
    if (app === undefined) throw new Error('the service is stopped');
    return app;
  };
  const stored = async (): Promise<readonly StoredEvent[]> => {
    const path = join(directory, 'data', 'journal.db');
    const { journal, close: letGo } = await openJournal({ kind: 'sqlite', path }, (error) => {
      throw error;
    });
    try {
      return await wholeJournal(journal, 0);
    } finally {
      await letGo();
    }
  };
  const restart = async (): Promise<void> => {
    await stop();
    await start();
  };
  return {
    directory,
    clock,
    running,
    stop,
    restart,
    close,
    stored,
    ...views(running),
    log: logOf(written),
  };
}

function configured(
  { config = {}, collectors = {}, secrets = {}, sources = TWO }: AppOptions,
  dataDir: string,
): Loaded {
  const named = [...sources, ...Object.keys(collectors)].map(
    (name) => [name, { ...paceOf(collectors[name]), ...collectors[name] }] as const,
  );
  const content = {
    ...USUAL,
    data: { dir: dataDir },
    ...config,
    collectors: Object.fromEntries(named),
  };
  const loaded = loadConfig({
    env: secrets,
    file: { name: 'test.json', text: JSON.stringify(content) },
    catalogue: configCatalogue(usedBy(collectors, sources)),
  });
  if (!loaded.ok) throw new Error(loaded.error.map(problemLine).join('\n'));
  return loaded.value;
}

/** Only what the test is about: eight collectors in every test would be a slow way to say little. */
function usedBy(
  collectors: Readonly<Record<string, JsonObject>>,
  sources: readonly string[],
): readonly SourceDefinition[] {
  const used = Object.entries(collectors).map(([name, given]) => given['source'] ?? name);
  return sourceCatalogue.filter(({ name }) => sources.includes(name) || used.includes(name));
}

function paceOf(given: JsonObject | undefined): JsonObject {
  return given?.['cron'] === undefined ? QUICK : {};
}

function logOf(written: readonly string[]): TestApp['log'] {
  return {
    get lines() {
      return written.map((line) => JSON.parse(line) as LogLine);
    },
    text: () => written.join(''),
  };
}

type Looks = Omit<
  TestApp,
  'directory' | 'clock' | 'running' | 'stop' | 'restart' | 'close' | 'stored' | 'log'
>;

function views(running: () => App): Looks {
  const send: TestApp['send'] = async (method, path, options = {}) => {
    const told = await ask(`${running().restUrl}${path}`, { method, ...options });
    expectDocumented(method, path, told);
    return told;
  };
  const withBody = (method: string, path: string, body: unknown): Promise<Told> =>
    send(method, path, {
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    sandbox() {
      const { sandbox } = running();
      if (sandbox === undefined) throw new Error('no collector uses the sandbox');
      return sandbox;
    },
    send,
    get: (path) => send('GET', path),
    put: (path, body) => withBody('PUT', path, body),
    post: (path, body) => withBody('POST', path, body),
    grpcUrl: () => running().grpcAddress,
    metrics: async () => (await ask(running().metricsUrl)).text,
    head: () => running().stores.journal.head(),
    events: (after = 0) => wholeJournal(running().stores.journal, after),
    event: (what, test, after = 0) => firstEvent(running(), what, test, after),
  };
}

const PAGE = 1000;

async function wholeJournal(journal: Journal, after: Position): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let from = after; ;) {
    const page = await journal.readAll(from, {}, PAGE);
    events.push(...page.events);
    from = page.next;
    if (page.atEnd) return events;
  }
}

/** Far longer than anything a test waits for takes. */
const PATIENCE_MS = 25_000;
/** A test may have stopped its views on purpose. */
const VIEWS_MS = 2000;

async function firstEvent(
  app: App,
  what: string,
  test: (event: StoredEvent) => boolean,
  after: Position,
): Promise<StoredEvent> {
  const giveUp = AbortSignal.timeout(PATIENCE_MS);
  for await (const page of app.stores.journal.subscribe(after, {}, giveUp)) {
    const found = page.events.find(test);
    if (found === undefined) continue;
    // Read models may be a moment behind the journal: what is asked next shall show it.
    await app.stores.views.caughtUp(found.position, VIEWS_MS);
    return found;
  }
  const last = (await wholeJournal(app.stores.journal, after)).slice(-10).map(({ type }) => type);
  throw new Error(`never: ${what}; the last facts were ${last.join(', ')}`);
}
