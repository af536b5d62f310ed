/** What the engine needs from the composition root, and its limits. */
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import type { EvidenceStore, RecordSink } from '../records/port.js';
import type { Transport } from '../sources/port.js';
import type { Host } from './host.js';
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

/** A configuration an actor refuses is said, and the one before stays in force. */
export function warnIfRefused(
  log: Logger,
  stream: string,
  answer: { readonly ok: boolean; readonly refusal?: { readonly kind: string } },
): void {
  if (!answer.ok) log.error('configuration refused', { stream, refusal: answer.refusal });
}
