/** `headgate serve` and `headgate demo`: the commands that run the service, with its configuration. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { UsageInvalid } from './exit.js';
import { SCENARIO_LIST, scenarioNamed, scenariosHelp } from './scenario.js';

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

export type ServiceHandlers = {
  /** Runs until it is told to stop; answers the exit code. */
  serve(flags: Flags): Promise<number>;
  /** `scenario`: the name of one of `scenarios`, to be played from the start. */
  demo(flags: Flags, scenario?: string): Promise<number>;
};

export type ServiceParts = ServiceHandlers & {
  readonly switches: readonly Switch[];
  /** What the demo's upstream can play. */
  readonly scenarios: readonly { readonly name: string; readonly about: string }[];
};

export function addServiceCommands(
  root: Command,
  parts: ServiceParts,
  out: (text: string) => void,
  ended: (code: number) => void,
): void {
  for (const [name, about] of [
    ['serve', 'run the collectors and serve REST, gRPC and metrics until SIGTERM or SIGINT'],
    ['demo', 'the same against the bundled upstream, in a hurry, telling what happens'],
  ] as const) {
    const command = root.command(name).description(about);
    addSwitches(command, parts.switches);
    if (name === 'demo') addScenario(command, parts.scenarios);
    const example = name === 'serve' ? 'serve --config headgate.yaml' : 'demo --scenario flapping';
    command.addHelpText('after', `\nExamples:\n  headgate ${example}`);
    command.action(async () => {
      const flags = flagsOf(command, parts.switches);
      const { scenario } = command.opts<{ readonly scenario?: string }>();
      if (scenario === SCENARIO_LIST) {
        out(`${scenariosHelp(parts.scenarios)}\n`);
        return;
      }
      const played = scenario === undefined ? undefined : scenarioNamed(scenario, parts.scenarios);
      ended(await (played === undefined ? parts[name](flags) : parts.demo(flags, played)));
    });
  }
}

function addScenario(command: Command, scenarios: ServiceParts['scenarios']): void {
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
