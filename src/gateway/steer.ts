/**
 * How every command goes: is the collector here, is there room, ask the engine, wait until the views
 * show it, and answer from the views.
 */
import type { Engine, Steered } from '../actors/engine.js';
import type { Position } from '../kernel/types.js';
import { ok, fail } from '../kernel/types.js';
import { RESERVED_NAMES } from './inputs.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import type { Caller, Reach } from './operation.js';
import { collectorNotFound, problemOf } from './problems.js';
import type { Problem } from './problems.js';
import type { Subject } from './shapes/collector.js';

export type CommandContext = Parameters<Engine['enable']>[2];

export type Command = {
  readonly name: string;
  readonly reason: string | undefined;
  /** Asks the engine. */
  readonly ask: (engine: Engine, context: CommandContext) => Promise<Steered>;
  readonly message: string;
  /** Members of the answer beside message and collector, from the views after the command. */
  readonly told?: (subject: Subject | undefined) => object;
};

/** Runs a command to its answer. Problems leave everything as it was, but `outcome_unknown`. */
export async function steer(command: Command, reach: Reach, caller: Caller): Promise<Outcome> {
  const { name } = command;
  if (!isKnown(name, reach)) return fail(collectorNotFound(name));
  const asked = await ask(command, reach, caller);
  if (!asked.ok) return asked;
  const { changed, position } = asked.value;
  const isShown = await reach.views.caughtUp(position, reach.limits.viewWaitMs);
  return answer({
    message: command.message,
    collector: name,
    ...command.told?.(reach.pages.subject(name)),
    changed,
    // The command is durable; what is told above is from before it.
    ...(isShown ? {} : { stale: true }),
  });
}

/** Whether commands can reach a collector of this name. */
export function isKnown(name: string, { engine }: Reach): boolean {
  return !RESERVED_NAMES.includes(name) && engine.has(name);
}

type Done = { readonly changed: boolean; readonly position: Position };
type Asked = { readonly ok: true; readonly value: Done } | { readonly ok: false; error: Problem };

async function ask(command: Command, reach: Reach, caller: Caller): Promise<Asked> {
  if (!reach.slots.commands.enter()) {
    const detail = `${String(reach.limits.commandsMax)} commands are under way`;
    return fail({ code: 'overloaded', detail });
  }
  const commandId = reach.newCommandId();
  const context: CommandContext = {
    commandId,
    correlationId: caller.correlationId,
    actor: caller.actor,
    interface: caller.interface,
    address: caller.address,
    ...(command.reason === undefined ? {} : { reason: command.reason }),
  };
  // The slot is the engine's: it is taken for as long as the engine works, not as the caller waits.
  const steered = Promise.resolve()
    .then(() => command.ask(reach.engine, context))
    .finally(() => {
      reach.slots.commands.leave();
    });
  const first = await within(steered, reach);
  if (first === undefined) {
    const waited = String(reach.limits.commandWaitMs);
    const detail = `no answer after ${waited} ms; command ${commandId} may still take effect`;
    return fail({ code: 'outcome_unknown', detail });
  }
  return first.ok ? ok(first) : fail(problemOf(first.refusal, command.name));
}

/** What came first: the answer, or undefined after the longest wait. */
function within(steered: Promise<Steered>, { clock, limits }: Reach): Promise<Steered | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limits.commandWaitMs, () => {
      resolve(undefined);
    });
    steered.then(resolve, reject).finally(cancel);
  });
}
