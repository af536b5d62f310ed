/** What a breaker still owes: the end of its open period, the end of its override. */
import type { Owed } from '../kind.js';
import type { BreakerState } from './state.js';

export function breakerOutstanding({ context }: BreakerState): readonly Owed[] {
  const owed: Owed[] = [];
  const { retry, override } = context;
  if (retry !== null) {
    const { at, delayMs, generation } = retry;
    owed.push({ kind: 'timer', name: 'retry', dueAt: at, delayMs, generation });
  }
  if (override !== null && override.expiresAt !== null) {
    const { expiresAt, since, generation } = override;
    const delayMs = expiresAt - since;
    owed.push({ kind: 'timer', name: 'override', dueAt: expiresAt, delayMs, generation });
  }
  return owed;
}
