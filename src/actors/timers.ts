/**
 * The timers of one actor, armed from what its state owes (A7).
 * A timer is armed once per (name, generation); a newer generation, or none, disarms it.
 */
import type { Cancel, Clock } from '../kernel/time.js';
import type { Owed } from './kind.js';

export type TimerOwed = Extract<Owed, { kind: 'timer' }>;

export interface Timers {
  /** Arms what is owed and not armed, disarms what is armed and not owed. */
  reconcile(owed: readonly TimerOwed[]): void;
  armed(): number;
  clear(): void;
}

export function timers(clock: Clock, onDue: (timer: TimerOwed) => void): Timers {
  const armed = new Map<string, { readonly generation: number; readonly cancel: Cancel }>();
  const arm = (timer: TimerOwed): void => {
    const left = Math.min(Math.max(0, timer.dueAt - clock.now()), Math.max(0, timer.delayMs));
    const cancel = clock.after(left, () => {
      // It stays in the map: the same generation is not armed again, a fact must end it.
      onDue(timer);
    });
    armed.set(timer.name, { generation: timer.generation, cancel });
  };
  return {
    reconcile(owed) {
      for (const [name, entry] of armed) {
        const wanted = owed.find((timer) => timer.name === name);
        if (wanted?.generation === entry.generation) continue;
        entry.cancel();
        armed.delete(name);
      }
      for (const timer of owed) if (!armed.has(timer.name)) arm(timer);
    },
    armed: () => armed.size,
    clear() {
      for (const entry of armed.values()) entry.cancel();
      armed.clear();
    },
  };
}
