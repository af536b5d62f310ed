/** The options every command that speaks to a service has: which service, as whom, how it is shown. */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { messageOf } from '../kernel/errors.js';
import type { DurationMs } from '../kernel/types.js';
import type { ConnectionSettings } from './connection.js';
import { UsageInvalid } from './exit.js';
import { lengthGiven } from './given.js';

export const SERVER_DEFAULT = '127.0.0.1:50051';
const TIMEOUT_DEFAULT_MS = 10_000;

/** What commander makes of them. */
export type ClientFlags = {
  /** true: the option stood alone, where a command allows that. */
  readonly server?: string | true;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly tls?: true;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly timeout?: DurationMs;
  readonly json?: true;
  /** false: `--no-color`. */
  readonly color?: boolean;
  readonly utc?: true;
};

const CONNECTION = 'Connection:';
const OUTPUT = 'Output:';

/** As one writes them, for whoever puts them before the command: name and whether a value follows. */
export const CLIENT_OPTIONS: ReadonlyMap<string, boolean> = new Map(
  clientOptions('--server <host:port>').map((each) => [each.long ?? '', each.required]),
);

function clientOptions(server: string): readonly Option[] {
  const connection = [
    new Option(server, `the service (default: ${SERVER_DEFAULT}; env: HEADGATE_SERVER)`),
    new Option(
      '--token <token>',
      'bearer token; ps shows it: rather set HEADGATE_TOKEN, or use --token-file',
    ),
    new Option('--token-file <file>', 'file with the bearer token (env: HEADGATE_TOKEN_FILE)'),
    new Option('--tls', 'encrypt the connection'),
    new Option('--ca-file <file>', 'PEM of who signed its certificate; implies --tls'),
    new Option('--cert-file <file>', 'PEM of your own certificate; implies --tls'),
    new Option('--key-file <file>', 'PEM of its key; implies --tls'),
    new Option('--timeout <length>', 'how long to wait for an answer (default: 10s)').argParser(
      lengthGiven,
    ),
  ];
  const output = [
    new Option('--json', 'print what the service answers as JSON; errors too'),
    new Option('--no-color', 'no colours (env: NO_COLOR); there are none where nobody looks'),
    new Option('--utc', 'moments in UTC instead of local time'),
  ];
  return [
    ...connection.map((option) => option.helpGroup(CONNECTION)),
    ...output.map((option) => option.helpGroup(OUTPUT)),
  ];
}

/** Adds them. `server`: how a command spells that one, where it is not the usual way. */
export function addClientOptions(command: Command, server = '--server <host:port>'): void {
  for (const option of clientOptions(server)) command.addOption(option);
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Flags win over variables; a token of its own wins over a file.
 * @throws {UsageInvalid} an address or a file that cannot be.
 */
export function connectionSettings(flags: ClientFlags, env: Environment): ConnectionSettings {
  const given = typeof flags.server === 'string' ? flags.server : env['HEADGATE_SERVER'];
  const { tls, caFile, certFile, keyFile } = flags;
  const isTls = (tls ?? caFile ?? certFile ?? keyFile) !== undefined;
  const token = tokenOf(flags, env);
  return {
    address: addressOf(given === undefined || given === '' ? SERVER_DEFAULT : given),
    timeoutMs: flags.timeout ?? TIMEOUT_DEFAULT_MS,
    ...(token === undefined ? {} : { token }),
    ...(isTls
      ? {
          tls: {
            ...(caFile === undefined ? {} : { caFile }),
            ...(certFile === undefined ? {} : { certFile }),
            ...(keyFile === undefined ? {} : { keyFile }),
          },
        }
      : {}),
  };
}

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):\d{1,5}$/;

function addressOf(text: string): string {
  if (ADDRESS.test(text) || text.startsWith('unix:')) return text;
  throw new UsageInvalid([`--server: must be host:port, got ${JSON.stringify(text)}`]);
}

function tokenOf({ token, tokenFile }: ClientFlags, env: Environment): string | undefined {
  if (token !== undefined) return usable(token, '--token');
  if (tokenFile !== undefined) return usable(contentOf(tokenFile, '--token-file'), '--token-file');
  const own = env['HEADGATE_TOKEN'];
  if (own !== undefined && own !== '') return usable(own, 'HEADGATE_TOKEN');
  const file = env['HEADGATE_TOKEN_FILE'];
  if (file === undefined || file === '') return undefined;
  return usable(contentOf(file, 'HEADGATE_TOKEN_FILE'), 'HEADGATE_TOKEN_FILE');
}

function contentOf(file: string, from: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new UsageInvalid([`${from}: ${messageOf(thrown)}`]);
  }
}

/** What a header can carry. Never shown, not even when it is wrong. */
function usable(text: string, from: string): string {
  const token = text.trim();
  if (/^[!-~]+$/.test(token)) return token;
  throw new UsageInvalid([`${from}: is no token: it must be visible ASCII without blanks`]);
}

/** Client options before the command's name go behind it, where its own are read. */
export function hoisted(args: readonly string[]): readonly string[] {
  const before: string[] = [];
  let index = 0;
  for (; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    const [name = ''] = arg.split('=', 1);
    const takesValue = CLIENT_OPTIONS.get(name);
    if (takesValue === undefined) break;
    before.push(arg);
    if (takesValue && !arg.includes('=')) {
      index += 1;
      before.push(...args.slice(index, index + 1));
    }
  }
  const rest = args.slice(index);
  if (rest.length === 0) return args;
  const end = rest.indexOf('--');
  if (end < 0) return [...rest, ...before];
  return [...rest.slice(0, end), ...before, ...rest.slice(end)];
}
