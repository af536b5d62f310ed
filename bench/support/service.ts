/** The whole service in this process, as the composition root starts it: real engine, journal, views, doors. */
import { join } from 'node:path';
import { startApp, type App } from '../../src/app.js';
import { loadConfig, problemLine, type Loaded } from '../../src/config.js';
import { configCatalogue, sourceCatalogue } from '../../src/sources/index.js';
import { pinoLogger } from '../../src/telemetry/index.js';
import { clock, random } from './world.js';

export type Service = {
  readonly app: App;
  readonly names: readonly string[];
  readonly close: () => Promise<void>;
};

/** So many collectors, none of which ever runs. Its files are in the directory; its log is made, then dropped. */
export async function startService(directory: string, collectors: number): Promise<Service> {
  const names = Array.from({ length: collectors }, (_, n) => `c${String(n).padStart(4, '0')}`);
  const { config, secrets } = configured(join(directory, 'data'), names);
  const app = await startApp({
    config,
    secrets,
    clock,
    random,
    log: pinoLogger({
      level: 'info',
      format: 'json',
      clock,
      secrets: () => secrets.values(),
      destination: { write: () => undefined },
    }),
    version: 'bench',
    onFatal(error) {
      throw error;
    },
  });
  return { app, names, close: () => app.stop('benchmark') };
}

function configured(dataDir: string, names: readonly string[]): Loaded {
  const one = (name: string): object => ({
    source: 'historical',
    enabled: false,
    base_url: 'http://127.0.0.1:9',
    scope: name,
  });
  const own = sourceCatalogue.map(({ name }) => [name, { enabled: false }] as const);
  const content = {
    data: { dir: dataDir },
    rest: { port: 0 },
    grpc: { port: 0 },
    metrics: { port: 0 },
    auth: { requests_per_second: 0 },
    collectors: Object.fromEntries([...own, ...names.map((name) => [name, one(name)] as const)]),
  };
  const loaded = loadConfig({
    env: {},
    file: { name: 'bench.json', text: JSON.stringify(content) },
    catalogue: configCatalogue(),
  });
  if (!loaded.ok) throw new Error(loaded.error.map(problemLine).join('\n'));
  return loaded.value;
}
