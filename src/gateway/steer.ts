/**
 * How every command goes: is the collector here, is there room, ask the engine, wait until the views
 * show it, and answer from the views. (How long its caller waits is command-call.ts's.)
 */
import type { Engine, Steered } from '../actors/engine.js';
import { ok, fail } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import { RESERVED_NAMES } from './inputs.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import { commandContext } from './command-context.js';
import type { CommandContext } from './command-context.js';
import type { Caller, Reach } from './operation.js';
import { collectorNotFound, overloaded, problemOf } from './problems.js';
import type { Problem } from './problems.js';
import type { Subject } from './shapes/collector.js';

export type { CommandContext } from './command-context.js';

export type Command = {
  readonly name: string;
  readonly reason: string | undefined;
  /** Asks the engine. */
  readonly ask: (engine: Engine, context: CommandContext) => Promise<Steered>;
  readonly message: string;
  /** Members of the answer beside message and collector, from the views after the command. */
  readonly told?: (subject: Subject | undefined) => object;
};

/** Runs a command to its answer. Problems leave everything as it was. */
export async function steer(command: Command, reach: Reach, caller: Caller): Promise<Outcome> {
  const { name } = command;
  if (!isKnown(name, reach)) return fail(collectorNotFound(name));
  const asked = await ask(command, reach, caller);
  if (!asked.ok) return asked;
  const { changed, position, events } = asked.value;
  const isDry = events !== undefined;
  const isShown = isDry || (await reach.views.caughtUp(position, reach.limits.viewWaitMs));
  // Of the documents that are told of below, so that it is never newer than what is shown.
  const etag = reach.views.docs(name)?.etag;
  const told = {
    message: isDry ? `Dry run: ${command.message}` : command.message,
    collector: name,
    ...command.told?.(reach.pages.subject(name)),
    changed,
    ...(etag === undefined ? {} : { etag }),
    // The command is durable; what is told above is from before it.
    ...(isShown ? {} : { stale: true }),
    ...(isDry ? { dry_run: true, events: events.map(planned) } : {}),
  };
  return answer(told, { changed, ...(etag === undefined ? {} : { etag }) });
}

/** An event of a dry run, in this order of members. */
function planned({ stream, type, data }: PlannedEvent): PlannedEvent {
  return { stream, type, data };
}

/** Whether commands can reach a collector of this name. */
export function isKnown(name: string, { engine }: Reach): boolean {
  return !RESERVED_NAMES.includes(name) && engine.has(name);
}

type Done = Extract<Steered, { readonly ok: true }>;
type PlannedEvent = NonNullable<Done['events']>[number];
type Asked = Result<Done, Problem>;

async function ask(command: Command, reach: Reach, caller: Caller): Promise<Asked> {
  const { commands } = reach.slots;
  if (!commands.enter()) {
    return fail(overloaded(`${String(reach.limits.commandsMax)} commands are under way`));
  }
  const context = commandContext(caller, reach, command.reason);
  // The slot is the engine's: it is taken for as long as the engine works, not as the caller waits.
  try {
    const steered = await command.ask(reach.engine, context);
    return steered.ok ? ok(steered) : fail(problemOf(steered.refusal, command.name));
  } finally {
    commands.leave();
  }
}
