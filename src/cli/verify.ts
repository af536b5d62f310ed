/** `headgate verify`: says whether a journal file is what was written, and names the first bad event. */
import { EXIT } from './exit.js';

/** What checking a whole journal came to. */
export type VerifyReport = {
  readonly events: number;
  readonly streams: number;
  /** In the order of the check; the first is the first bad event. Bounded by the checker. */
  readonly damage: readonly Damage[];
};

export type Damage = {
  /** Absent: it is about the journal as a whole, e.g. a tail that went missing. */
  readonly stream?: string;
  readonly revision?: number;
  readonly detail: string;
};

export function verifyLines(file: string, report: VerifyReport): readonly string[] {
  const size = `${counted(report.events, 'event')} in ${counted(report.streams, 'stream')}`;
  const [first, ...more] = report.damage;
  if (first === undefined) return [`${file}: sound, ${size}`];
  return [
    `${file}: DAMAGED, ${size} read`,
    `first: ${damageLine(first)}`,
    ...more.map((damage) => `then:  ${damageLine(damage)}`),
  ];
}

export function verifyExit(report: VerifyReport): number {
  return report.damage.length === 0 ? EXIT.ok : EXIT.damage;
}

function damageLine({ stream, revision, detail }: Damage): string {
  if (stream === undefined) return detail;
  return revision === undefined
    ? `${stream}: ${detail}`
    : `${stream}@${String(revision)}: ${detail}`;
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}
