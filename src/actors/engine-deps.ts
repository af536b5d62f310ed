/** What the engine needs from the composition root, and its limits. */
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import { wait, type Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import { JournalUnavailable } from '../journal/port.js';
import type { EvidenceStore, RecordSink } from '../records/port.js';
import type { Transport } from '../sources/port.js';
import type { ActorHandle } from './handle.js';
import type { Host } from './host.js';
import type { AnyFact } from './kind.js';
import type { RetryLimits } from './retry.js';

export type EngineLimits = {
  readonly permitWaitMaxMs: DurationMs;
  readonly permitQueueMax: number;
  readonly bodyBytesMax: number;
  readonly margin: number;
  readonly drainMs: DurationMs;
  readonly retry: RetryLimits;
};

export type EngineDeps = {
  readonly host: Host;
  readonly transport: Transport;
  readonly sink: RecordSink;
  readonly evidence: EvidenceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly limits: EngineLimits;
};

/** A journal that does not take a configuration is asked again this often, with a pause that doubles. */
const TRIES = 8;
const PAUSE_MS: DurationMs = 250;
const PAUSE_MAX_MS: DurationMs = 10_000;

/**
 * Tells an actor its configuration. One that is refused for good is said, and the one before stays in
 * force; without any, nothing would ever work, so that a journal that is away is waited for.
 * @throws {JournalUnavailable} the journal stayed away: the start has failed.
 */
export async function configure<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  { host, clock, log }: EngineDeps,
  handle: ActorHandle<C, Cmd, F>,
  command: Cmd,
): Promise<void> {
  const { stream } = handle;
  let pauseMs = PAUSE_MS;
  for (let tries = 1; ; tries += 1) {
    const answer = await handle.ask(command, host.system('configuration'));
    if (answer.ok) return;
    const { kind, detail } = answer.refusal;
    if (kind !== 'journal-unavailable' && kind !== 'overloaded' && kind !== 'raced') {
      log.error('configuration refused', { stream, refusal: answer.refusal });
      return;
    }
    if (tries === TRIES) throw new JournalUnavailable(`${stream} is not configured: ${detail}`);
    log.warn('configuration not recorded, trying again', { stream, refusal: kind, detail });
    await wait(clock, pauseMs);
    pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS);
  }
}
