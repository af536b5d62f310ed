/** What a command that speaks to a service has at hand while it runs. */
import type { Command } from 'commander';
import type { Clock } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { addClientOptions, connectionSettings } from './client-options.js';
import type { ClientFlags, Environment } from './client-options.js';
import { connect, isLoopback } from './connection.js';
import type { Connection, Unary } from './connection.js';
import { EXIT } from './exit.js';
import { CallFailed, failureJson, failureLine } from './failure.js';
import { followed } from './follow.js';
import type { Follow } from './follow.js';
import { plain } from './plain.js';
import type { Plain } from './plain.js';
import { coloured, colourless } from './render/paint.js';
import type { Paint } from './render/paint.js';
import type { Zone } from './render/moments.js';
import type { Terminal } from './terminal.js';

/** How things are shown. */
export type View = {
  readonly paint: Paint;
  readonly zone: Zone;
  /** Cells of a line; absent: as wide as it gets. */
  readonly width?: number;
  readonly now: EpochMs;
};

export type Session = {
  readonly connection: Connection;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly isJson: boolean;
  /** As of now: a terminal may have become narrower. */
  view(): View;
  /** @throws {CallFailed} */
  ask<Req, Res>(method: Unary<Req, Res>, request: Partial<Req>): Promise<Plain<Res>>;
  /** What goes on until somebody ends it; lost connections are taken up again. @throws {CallFailed} */
  follow<Req, Res>(
    asked: Pick<Follow<Req, Res>, 'method' | 'request'>,
    take: (item: Plain<Res>) => void,
  ): Promise<void>;
  /** Lines for people, or the whole answer as JSON. */
  show(answer: object, lines: () => readonly string[]): void;
  line(text: string): void;
  note(text: string): void;
};

/** What every command needs of the program around it. */
export type Surroundings = {
  readonly terminal: Terminal;
  readonly env: Environment;
  readonly clock: Clock;
  /** Sets the exit code. */
  readonly ended: (code: number) => void;
};

/** What a command does; answers its exit code, none is 0. */
export type Work = (session: Session) => Promise<number | undefined>;

export type Opener = (flags: ClientFlags, work: Work) => Promise<void>;

/** Opens sessions: one per command, closed when its work is done. */
export function opener({ terminal, env, clock, ended }: Surroundings): Opener {
  return async (flags, work) => {
    const settings = connectionSettings(flags, env);
    warn(flags, settings.address, settings.token, settings.tls !== undefined, terminal);
    const connection = connect(settings, clock);
    const session = sessionOf({ connection, terminal, clock }, flags, env);
    try {
      ended((await work(session)) ?? EXIT.ok);
    } catch (thrown) {
      if (!(thrown instanceof CallFailed)) throw thrown;
      const { now, zone } = session.view();
      if (session.isJson) terminal.err(`${JSON.stringify(failureJson(thrown, now))}\n`);
      else terminal.err(failureLine(thrown, now, zone));
      ended(thrown.exit);
    } finally {
      connection.close();
    }
  };
}

function warn(
  flags: ClientFlags,
  address: string,
  token: string | undefined,
  isTls: boolean,
  { err }: Terminal,
): void {
  if (flags.token !== undefined) {
    err('headgate: warning: ps shows --token to everyone here; set HEADGATE_TOKEN instead\n');
  }
  if (token !== undefined && !isTls && !isLoopback(address)) {
    err(`headgate: warning: the token goes to ${address} in plain text; use --tls\n`);
  }
}

type Parts = Pick<Session, 'connection' | 'terminal' | 'clock'>;

function sessionOf(parts: Parts, flags: ClientFlags, env: Environment): Session {
  const { connection, terminal, clock } = parts;
  const isJson = flags.json === true;
  const noColour = env['NO_COLOR'] ?? '';
  const isColoured = flags.color !== false && noColour === '' && terminal.isTty;
  const line = (text: string): void => {
    terminal.out(`${text}\n`);
  };
  const note = (text: string): void => {
    terminal.err(`headgate: ${text}\n`);
  };
  return {
    ...parts,
    isJson,
    line,
    note,
    view() {
      const width = terminal.columns();
      return {
        paint: isColoured ? coloured : colourless,
        zone: flags.utc === true ? 'utc' : 'local',
        ...(width === undefined ? {} : { width }),
        now: clock.now(),
      };
    },
    async ask<Req, Res>(method: Unary<Req, Res>, request: Partial<Req>) {
      const answer: Res = await connection.ask(method, request);
      return plain<Res>(answer);
    },
    async follow<Req, Res>(
      { method, request }: Pick<Follow<Req, Res>, 'method' | 'request'>,
      take: (item: Plain<Res>) => void,
    ) {
      const ending = new AbortController();
      const listen = terminal.ended(() => {
        ending.abort();
      });
      const follow = { method, request, clock, notice: note, signal: ending.signal };
      try {
        const items: AsyncIterable<Res> = followed(connection, follow);
        for await (const item of items) take(plain<Res>(item));
      } finally {
        listen();
      }
    },
    show(answer, lines) {
      if (isJson) line(JSON.stringify(answer, null, terminal.isTty ? 2 : 0));
      else for (const text of lines()) line(text);
    },
  };
}

/** A command that speaks to a service, with the options all of them share, and an example. */
export function clientCommand(
  parent: Command,
  words: string,
  about: string,
  examples: readonly string[],
  server?: string,
): Command {
  const command = parent.command(words).description(about);
  addClientOptions(command, server);
  const lines = examples.map((example) => `  headgate ${example}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
