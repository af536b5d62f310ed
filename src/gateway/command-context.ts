/** Who asks, as actors write it into the metadata of each event. */
import type { Engine } from '../actors/engine.js';
import type { Caller, Reach } from './operation.js';

export type CommandContext = Parameters<Engine['enable']>[2];

/** For the engine: the command's identity, its caller and its guards. */
export function commandContext(
  caller: Caller,
  reach: Pick<Reach, 'newCommandId'>,
  reason?: string,
): CommandContext {
  const { command, guards } = caller;
  return {
    commandId: command?.id ?? reach.newCommandId(),
    correlationId: caller.correlationId,
    actor: caller.actor,
    interface: caller.interface,
    address: caller.address,
    ...(reason === undefined ? {} : { reason }),
    ...(command === undefined ? {} : { operation: command.operation }),
    ...(command?.cause === undefined ? {} : { causationId: command.cause }),
    ...(command?.hash === undefined ? {} : { commandHash: command.hash }),
    ...(command?.doneIn === undefined ? {} : { doneIn: new Set(command.doneIn) }),
    ...(guards?.ifMatch === undefined ? {} : { ifMatch: guards.ifMatch }),
    ...(guards?.dryRun === true ? { dryRun: true } : {}),
  };
}
