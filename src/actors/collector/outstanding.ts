/** What a collector still owes: its timers, its session, its run. A restart re-arms exactly this. */
import type { Owed } from '../kind.js';
import { mayFetch, regions, type CollectorState } from './context.js';

export function collectorOutstanding(state: CollectorState): readonly Owed[] {
  const { context } = state;
  const { activity } = regions(state);
  const { generation, wish, suspension, due, drain, run } = context;
  const owed: Owed[] = [];
  const timer = (name: string, from: number, dueAt: number): void => {
    owed.push({ kind: 'timer', name, dueAt, delayMs: dueAt - from, generation });
  };
  if (wish.until !== null) timer('wish', wish.since, wish.until);
  if (suspension !== null && suspension.nextTry !== null) {
    timer('suspension', suspension.since, suspension.nextTry);
  }
  if (drain !== null) timer('drain', drain.since, drain.deadline);
  if (!mayFetch(state)) return owed;
  if (due !== null && (activity === 'idle' || activity === 'waiting')) {
    timer('due', due.setAt, due.at);
  }
  const isApart = activity === 'stopped' || activity === 'starting' || activity === 'restarting';
  if (isApart && context.config !== null) {
    owed.push({ kind: 'work', key: `connect-${String(generation)}`, work: { do: 'connect' } });
  }
  if (activity === 'collecting' && run !== null) {
    owed.push({ kind: 'work', key: `run-${run.id}`, work: { do: 'run', run: run.id } });
  }
  return owed;
}
