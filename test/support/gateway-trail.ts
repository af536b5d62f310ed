/** An audit trail that keeps in memory what it hears, for tests of what the edges and `call` tell it. */
import type { Answered, AuditedOperation, Refused, Trail } from '../../src/gateway/audit/audit.js';
import type { Problem } from '../../src/gateway/problems.js';
import { JournalUnavailable } from '../../src/journal/port.js';
import type { Position } from '../../src/kernel/types.js';
import type { KnownCommand } from '../../src/projections/views.js';

export type HeardRefusal = {
  readonly operation: AuditedOperation | undefined;
  readonly who: Refused;
  readonly problem: Problem;
};

export type HeardTrail = Trail & {
  readonly refusals: HeardRefusal[];
  readonly answers: Answered[];
  /** The journal takes nothing. */
  broken: boolean;
  /** What the read model would tell of it. */
  command(id: string, now: number): KnownCommand | undefined;
};

export function heardTrail(position: () => Position): HeardTrail {
  const answers: Answered[] = [];
  const refusals: HeardRefusal[] = [];
  const heard: HeardTrail = {
    beganAt: 0,
    head: () => Promise.resolve(position()),
    refusals,
    answers,
    broken: false,
    refused: (operation, who, problem) => void refusals.push({ operation, who, problem }),
    answered(told) {
      if (heard.broken) return Promise.reject(new JournalUnavailable('no space left'));
      answers.push(told);
      return Promise.resolve(position());
    },
    command(id, now) {
      const told = answers.find(({ commandId }) => commandId === id);
      return told && { at: now, hash: told.hash ?? null, answer: told.answer ?? null, streams: [] };
    },
  };
  return heard;
}
