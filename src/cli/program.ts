/** The headgate command: which words it understands, and how it ends. What they do is handed in. */
import { Command, CommanderError, Option } from 'commander';
import { HeadgateError } from '../kernel/errors.js';
import { EXIT, EXIT_HELP, UsageInvalid } from './exit.js';
import { SCENARIO_LIST, scenarioNamed, scenariosHelp } from './scenario.js';
import { verifyExit, verifyLines } from './verify.js';
import type { VerifyReport } from './verify.js';

/** An option of the configuration that has a switch of its own. */
export type Switch = {
  /** The dotted key. */
  readonly key: string;
  /** `--rest-port` */
  readonly flag: string;
  readonly isBoolean: boolean;
  readonly meaning: string;
  readonly default: string;
};

/** Values by dotted key, as given. */
export type Flags = Readonly<Record<string, string>>;

export type Handlers = {
  /** Runs until it is told to stop; answers the exit code. */
  serve(flags: Flags): Promise<number>;
  /** `scenario`: the name of one of `scenarios`, to be played from the start. */
  demo(flags: Flags, scenario?: string): Promise<number>;
  verify(file: string): Promise<VerifyReport>;
};

export type CliDeps = Handlers & {
  readonly version: string;
  readonly switches: readonly Switch[];
  /** Every option of the configuration, for --help. */
  readonly optionsHelp: string;
  /** What the demo's upstream can play. */
  readonly scenarios: readonly { readonly name: string; readonly about: string }[];
  /** Absent: standard output and standard error. */
  readonly out?: (text: string) => void;
  readonly err?: (text: string) => void;
};

type Terminal = { readonly out: (text: string) => void; readonly err: (text: string) => void };

/** The command, ready to run one command line. */
export function program(deps: CliDeps): {
  /** Takes what follows node and script; answers the exit code when it ended. Never rejects. */
  run(args: readonly string[]): Promise<number>;
} {
  const terminal: Terminal = {
    out: deps.out ?? ((text) => process.stdout.write(text)),
    err: deps.err ?? ((text) => process.stderr.write(text)),
  };
  return {
    async run(args) {
      let code: number = EXIT.ok;
      const command = rootCommand(deps, terminal, (ended) => {
        code = ended;
      });
      try {
        await command.parseAsync(args, { from: 'user' });
        return code;
      } catch (error) {
        return endedBy(error, terminal);
      }
    },
  };
}

function rootCommand(
  deps: CliDeps,
  { out, err }: Terminal,
  ended: (code: number) => void,
): Command {
  const root = new Command('headgate')
    .description('Runs data collectors inside their limits, each behind a durable circuit breaker.')
    .version(deps.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this, with every option')
    .addHelpText(
      'after',
      `\n${EXIT_HELP}\n\n${scenariosHelp(deps.scenarios)}\n\n${deps.optionsHelp}`,
    )
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      // One line, like every other error: commander puts its guess on a line of its own.
      outputError: (text, write) => {
        write(`headgate: ${text.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`);
      },
    })
    .showSuggestionAfterError()
    .allowExcessArguments(false);
  for (const [name, about] of [
    ['serve', 'run the collectors and serve REST and metrics until SIGTERM or SIGINT'],
    ['demo', 'the same against the bundled upstream, in a hurry, telling what happens'],
  ] as const) {
    const command = root.command(name).description(about);
    addSwitches(command, deps.switches);
    if (name === 'demo') addScenario(command, deps.scenarios);
    command.action(async () => {
      const flags = flagsOf(command, deps.switches);
      const { scenario } = command.opts<{ readonly scenario?: string }>();
      if (scenario === SCENARIO_LIST) {
        out(`${scenariosHelp(deps.scenarios)}\n`);
        return;
      }
      const played = scenario === undefined ? undefined : scenarioNamed(scenario, deps.scenarios);
      ended(await (played === undefined ? deps[name](flags) : deps.demo(flags, played)));
    });
  }
  root
    .command('verify')
    .description('check every event of a journal file and name the first bad one')
    .argument('<journal>', 'path of the journal file; nothing in it is changed')
    .action(async (file: string) => {
      const report = await deps.verify(file);
      for (const line of verifyLines(file, report)) out(`${line}\n`);
      ended(verifyExit(report));
    });
  return root;
}

function addScenario(command: Command, scenarios: CliDeps['scenarios']): void {
  const meaning = `what shall go wrong at the bundled upstream; ${SCENARIO_LIST} lists them`;
  command.option('--scenario <name>', meaning);
  command.addHelpText('after', `\n${scenariosHelp(scenarios)}`);
}

function addSwitches(command: Command, switches: readonly Switch[]): void {
  for (const { flag, isBoolean, meaning, default: fallback } of switches) {
    const words = isBoolean ? flag : `${flag} <value>`;
    command.addOption(new Option(words, `${meaning} (default: ${fallback})`));
  }
  const set = new Option('--set <key=value>', 'set any option; may be given several times');
  set.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  command.addOption(set);
}

/** @throws {UsageInvalid} a `--set` that is no `key=value`, or a key that is given twice. */
function flagsOf(command: Command, switches: readonly Switch[]): Flags {
  const given = command.opts<Readonly<Record<string, unknown>>>();
  const flags = new Map<string, string>();
  const problems: string[] = [];
  for (const { key, flag } of switches) {
    const value = given[new Option(flag).attributeName()];
    if (typeof value === 'string' || value === true) flags.set(key, String(value));
  }
  for (const pair of (given['set'] ?? []) as readonly string[]) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, equals);
    if (equals < 1) problems.push('--set: must be key=value');
    else if (flags.has(key)) problems.push(`${key}: is given twice on the command line`);
    else flags.set(key, pair.slice(equals + 1));
  }
  if (problems.length > 0) throw new UsageInvalid(problems);
  return Object.fromEntries(flags);
}

function endedBy(error: unknown, { err }: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageInvalid) {
    for (const line of error.lines) err(`headgate: ${line}\n`);
    return EXIT.usage;
  }
  if (error instanceof HeadgateError) err(`headgate: ${error.code}: ${error.message}\n`);
  // Our own bug: without the stack nobody could mend it.
  else err(`headgate: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  return EXIT.failure;
}
