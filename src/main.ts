#!/usr/bin/env node
/** The process: command line, configuration, signals, exit codes. What it runs is in app.ts. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { startApp, type App } from './app.js';
import { offlineTokens } from './app/offline-tokens.js';
import { demoPreset, demoWelcome, phaseLine, tellEvents } from './cli/demo.js';
import { EXIT, program, UsageInvalid, type Flags, type VerifyReport } from './cli/index.js';
import {
  loadConfig,
  optionsHelp,
  optionSwitches,
  problemLine,
  sourceModules,
  type Loaded,
} from './config.js';
import { verifyJournalFile } from './journal/index.js';
import { messageOf } from './kernel/errors.js';
import type { Logger } from './kernel/observe.js';
import { systemRandom } from './kernel/random.js';
import { systemClock } from './kernel/time.js';
import { configCatalogue, sourceCatalogue, userSources } from './sources/index.js';
import type { SourceDefinition } from './sources/port.js';
import { isScenarioName, scenarioList } from './sources/sandbox/index.js';
import { pinoLogger } from './telemetry/index.js';

// Left alone, V8 lets garbage pile up to several times what lives: half as much again is enough.
setFlagsFromString('--heap-growing-percent=50');

const clock = systemClock();
const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };
/** As the service of the same environment would be called. */
const NODE = process.env['HEADGATE_NODE_NAME'] ?? 'node-1';
const out = (text: string): void => {
  process.stdout.write(text);
};

process.exitCode = await program({
  version,
  switches: optionSwitches(),
  optionsHelp: optionsHelp(),
  scenarios: scenarioList(),
  serve: (flags) => serve(flags, {}),
  demo: (flags, scenario) =>
    serve(flags, demoPreset(sourceCatalogue.map(({ name }) => name)), (app) =>
      startDemo(app, scenario),
    ),
  verify,
  offlineTokens: offlineTokens({ clock, random: systemRandom(), node: NODE }),
}).run(process.argv.slice(2));

async function verify(file: string): Promise<VerifyReport> {
  const { events, streams, first } = await verifyJournalFile(file);
  if (first === undefined) return { events, streams, damage: [] };
  const { stream, revision, detail } = first;
  const where = {
    ...(stream !== undefined && { stream }),
    ...(revision !== undefined && { revision }),
  };
  return { events, streams, damage: [{ ...where, detail }] };
}

/**
 * Runs until a signal; answers the exit code. `begun` is called once it serves; what it returns, when it
 * stops.
 * @throws {UsageInvalid} the configuration is wrong.
 */
async function serve(
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
