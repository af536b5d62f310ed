/** What the ways through the gate share: its desk, its queue, its bounds, and the timer of its next look. */
import type { Histogram } from '../../kernel/observe.js';
import type { Cancel } from '../../kernel/time.js';
import type { DurationMs, MonotonicMs } from '../../kernel/types.js';
import type { Desk } from './desk.js';
import type { Queue } from './queue.js';

export type Floor = {
  readonly desk: Desk;
  readonly queue: Queue;
  readonly waitSeconds: Histogram;
  readonly limits: { readonly queueMax: number; readonly waitMaxMs: DurationMs };
  /** When the next look is due; Infinity: when something changes. */
  wakeAt: MonotonicMs;
  /** Disarms the timer of the next look. */
  cancelWake: Cancel;
  isPumping: boolean;
  isPumpDue: boolean;
};
