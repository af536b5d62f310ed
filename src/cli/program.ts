/** The headgate command: which words it understands, and how it ends. What they do is handed in. */
import { Command, CommanderError } from 'commander';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import { systemClock } from '../kernel/time.js';
import type { Clock } from '../kernel/time.js';
import { hoisted } from './client-options.js';
import type { Environment } from './client-options.js';
import { addAudit } from './commands/audit.js';
import { addBreaker } from './commands/breaker.js';
import { addCompletion } from './commands/completion.js';
import { addCosts } from './commands/costs.js';
import { addCursor } from './commands/cursor.js';
import { addEvents } from './commands/events.js';
import { addRateLimit } from './commands/limiter.js';
import { addRecords } from './commands/records.js';
import { addStatus } from './commands/status.js';
import { addSteering } from './commands/steer.js';
import { addToken } from './commands/token.js';
import type { OfflineTokens } from './commands/token.js';
import { addVerify } from './commands/verify.js';
import { EXIT, EXIT_HELP, UsageInvalid } from './exit.js';
import { scenariosHelp } from './scenario.js';
import { addServiceCommands } from './service-commands.js';
import type { ServiceHandlers, ServiceParts } from './service-commands.js';
import { opener } from './session.js';
import type { Surroundings } from './session.js';
import { plainTerminal, processTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';
import type { VerifyReport } from './verify.js';

export type { Flags, Switch } from './service-commands.js';

export type Handlers = ServiceHandlers & {
  verify(file: string): Promise<VerifyReport>;
};

export type CliDeps = Handlers &
  ServiceParts & {
    readonly version: string;
    /** Every option of the configuration, for --help. */
    readonly optionsHelp: string;
    /** Tokens without a service; absent: they need one. */
    readonly offlineTokens?: OfflineTokens;
    /** Absent: standard output and standard error. */
    readonly out?: (text: string) => void;
    readonly err?: (text: string) => void;
    /** Absent: what `out` and `err` say, or the process's own. */
    readonly terminal?: Terminal;
    /** Absent: the process's own. */
    readonly env?: Environment;
    readonly clock?: Clock;
  };

/** The command, ready to run one command line. */
export function program(deps: CliDeps): {
  /** Takes what follows node and script; answers the exit code when it ended. Never rejects. */
  run(args: readonly string[]): Promise<number>;
  /** The tree of commands, for documentation. */
  tree(): Command;
} {
  const terminal = terminalOf(deps);
  return {
    tree: () => rootCommand(deps, terminal, false, () => undefined),
    async run(args) {
      let code: number = EXIT.ok;
      const isJson = args.includes('--json');
      const command = rootCommand(deps, terminal, isJson, (ended) => {
        code = ended;
      });
      try {
        await command.parseAsync(hoisted(args), { from: 'user' });
        return code;
      } catch (error) {
        return endedBy(error, terminal, isJson);
      }
    },
  };
}

function terminalOf({ terminal, out, err }: CliDeps): Terminal {
  if (terminal !== undefined) return terminal;
  if (out === undefined && err === undefined) return processTerminal();
  const silent = (): void => undefined;
  return plainTerminal(out ?? silent, err ?? silent);
}

function rootCommand(
  deps: CliDeps,
  terminal: Terminal,
  isJson: boolean,
  ended: (code: number) => void,
): Command {
  const { out, err } = terminal;
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
      outputError: (text) => {
        told([text.trim().replaceAll(/\s*\n\s*/g, ' ')], terminal, isJson);
      },
    })
    .showSuggestionAfterError()
    .allowExcessArguments(false);
  const around: Surroundings = {
    terminal,
    env: deps.env ?? process.env,
    clock: deps.clock ?? systemClock(),
    ended,
  };
  const open = opener(around);
  root.commandsGroup('Run:');
  addServiceCommands(root, deps, out, ended);
  root.commandsGroup('Ask:');
  addStatus(root, open);
  addCosts(root, open);
  addEvents(root, open);
  addRecords(root, open);
  addAudit(root, open);
  addVerify(root, { open, out, ended, verify: (file) => deps.verify(file) });
  root.commandsGroup('Steer:');
  addSteering(root, open);
  addRateLimit(root, open);
  addBreaker(root, open);
  addCursor(root, open);
  root.commandsGroup('Administer:');
  const { offlineTokens: offline } = deps;
  addToken(root, { open, out, err, ...(offline === undefined ? {} : { offline }) });
  addCompletion(root, around);
  return root;
}

/** One line each; as JSON one object, like every other error. */
function told(lines: readonly string[], { err }: Terminal, isJson: boolean): void {
  if (isJson) {
    const error = lines.join('; ').replace(/^error: /, '');
    const body = { success: false, error, code: 'usage_invalid', exit_code: EXIT.usage };
    err(`${JSON.stringify(body)}\n`);
  } else for (const line of lines) err(`headgate: ${line}\n`);
}

function endedBy(error: unknown, terminal: Terminal, isJson: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageInvalid) {
    told(error.lines, terminal, isJson);
    return EXIT.usage;
  }
  const { err } = terminal;
  if (isJson) {
    const code = error instanceof HeadgateError ? error.code : 'internal';
    const body = { success: false, error: messageOf(error), code, exit_code: EXIT.failure };
    err(`${JSON.stringify(body)}\n`);
  } else if (error instanceof HeadgateError) err(`headgate: ${error.code}: ${error.message}\n`);
  // Our own bug: without the stack nobody could mend it.
  else err(`headgate: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  return EXIT.failure;
}
