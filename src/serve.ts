/** The process of the service: configuration, signals, how it ends. What it runs is in app.ts. */
import { setFlagsFromString } from 'node:v8';
import { startApp, type App } from './app.js';
import { demoPreset, demoWelcome, phaseLine, tellEvents } from './cli/demo.js';
import { EXIT, UsageInvalid, type Flags } from './cli/index.js';
import { loadConfig, problemLine, sourceModules, type Loaded } from './config.js';
import { messageOf } from './kernel/errors.js';
import type { Logger } from './kernel/observe.js';
import { systemRandom } from './kernel/random.js';
import { systemClock } from './kernel/time.js';
import { configCatalogue, sourceCatalogue, userSources } from './sources/index.js';
import type { SourceDefinition } from './sources/port.js';
import { isScenarioName } from './sources/sandbox/index.js';
import { pinoLogger } from './telemetry/index.js';

const clock = systemClock();
const out = (text: string): void => {
  process.stdout.write(text);
};

/** What the command line asked for. */
export type Wish = {
  readonly version: string;
  readonly flags: Flags;
  /** Present: the demo, with the scenario to be played if there is one. */
  readonly demo?: { readonly scenario?: string };
};

/**
 * Runs the service until a signal; answers the exit code.
 * @throws {UsageInvalid} the configuration is wrong.
 */
export function runService({ version, flags, demo }: Wish): Promise<number> {
  // Left alone, V8 lets garbage pile up to several times what lives: half as much again is enough.
  setFlagsFromString('--heap-growing-percent=50');
  if (demo === undefined) return serve(version, flags, {});
  const preset = demoPreset(sourceCatalogue.map(({ name }) => name));
  return serve(version, flags, preset, (app) => startDemo(app, demo.scenario));
}

/**
 * Runs until a signal; answers the exit code. `begun` is called once it serves; what it returns, when it
 * stops.
 * @throws {UsageInvalid} the configuration is wrong.
 */
async function serve(
  version: string,
  flags: Flags,
  preset: Flags,
  begun: (app: App) => () => void = () => () => undefined,
): Promise<number> {
  const { config, secrets, ownSources } = await configured(flags, preset);
  const log = pinoLogger({ ...config.log, clock, secrets: () => secrets.values() });
  endLoudly(log);
  const onFatal = (error: Error): void => {
    log.error('the journal failed; ending at once', { error: error.message });
    process.exit(EXIT.failure);
  };
  const random = systemRandom();
  // From here on a signal is heard: during the start it means stop as soon as there is something to stop.
  const asked = signalled();
  const app = await startApp({ config, secrets, ownSources, clock, random, log, version, onFatal });
  log.info('serving', {
    rest: app.restUrl,
    grpc: app.grpcUrl,
    metrics: app.metricsUrl,
    version,
  });
  const silence = begun(app);
  const cause = await asked;
  silence();
  return stopWithin(app, cause, config.shutdown.drainMs, log);
}

type Configured = Loaded & { readonly ownSources: readonly SourceDefinition[] };

/** Tells what happens until it is silenced; plays the scenario if there is one. */
function startDemo(app: App, scenario: string | undefined): () => void {
  out(demoWelcome({ ...app, sandboxUrl: app.sandbox?.url }));
  const told = new AbortController();
  void tellEvents(app.stores.journal, told.signal, out);
  const control = app.sandbox?.control;
  const stop = control?.onScenario((state) => {
    out(phaseLine(state, clock.now()));
  });
  if (scenario !== undefined && isScenarioName(scenario)) {
    const unheard = 'no collector uses the bundled upstream: no scenario is played\n';
    if (control === undefined) out(unheard);
    else control.playScenario(scenario);
  }
  return () => {
    stop?.();
    told.abort();
  };
}

/** The user's own modules come first: they say which collectors there can be. */
async function configured(flags: Flags, preset: Flags): Promise<Configured> {
  const given = { env: process.env, flags, preset };
  const own = await userSources(sourceModules(given), sourceCatalogue, clock);
  const loaded = loadConfig({
    ...given,
    catalogue: configCatalogue(sourceCatalogue, own.sources),
    sourceProblems: own.problems.map(({ module, rule }) => {
      return { option: `sources: ${module.named}`, from: module.from, rule };
    }),
  });
  if (!loaded.ok) throw new UsageInvalid(loaded.error.map(problemLine));
  return { ...loaded.value, ownSources: own.sources };
}

/** What nobody caught ends the process: what it would do next could not be trusted. */
function endLoudly(log: Logger): void {
  const end =
    (kind: string) =>
    (thrown: unknown): void => {
      const stack = thrown instanceof Error ? thrown.stack : undefined;
      log.error(`${kind}; ending at once`, { error: messageOf(thrown), stack });
      process.exit(EXIT.failure);
    };
  process.on('uncaughtException', end('uncaught exception'));
  process.on('unhandledRejection', end('unhandled rejection'));
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    let first = true;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (!first) process.exit(EXIT.failure);
        first = false;
        resolve(signal);
      });
    }
  });
}

async function stopWithin(app: App, cause: string, drainMs: number, log: Logger): Promise<number> {
  const cancel = clock.after(drainMs, () => {
    log.error('not stopped in time; ending at once', { drain_ms: drainMs });
    process.exit(EXIT.failure);
  });
  await app.stop(cause);
  cancel();
  return EXIT.ok;
}
