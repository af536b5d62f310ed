/**
 * Which faults apply to a request: drawn in the order in which they were set.
 *
 * 1. `latency` and `clock_skew` add up; of all others the first that fires is the one.
 * 2. A fault whose count is spent or whose time is over is gone from the list.
 * 3. Chance comes from the seed, one draw per fault that has a rate and applies: the same requests
 *    meet the same faults.
 */
import type { Random } from '../../kernel/random.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Fault } from './fault-kinds.js';

export type ActingFault = Exclude<Fault, { kind: 'latency' } | { kind: 'clock_skew' }>;

/** What a request meets. */
export type Draw = {
  readonly delayMs: DurationMs;
  readonly skewMs: DurationMs;
  readonly acting?: ActingFault;
  /** Kinds of all that fired, for the log. */
  readonly names: readonly string[];
};

export type FaultDeck = {
  set(faults: readonly Fault[]): void;
  /** As they stand: with the counts that are left. */
  list(at: EpochMs): readonly Fault[];
  draw(endpoint: string, at: EpochMs): Draw;
};

export function faultDeck(random: Random): FaultDeck {
  let faults: Fault[] = [];
  const expire = (at: EpochMs): void => {
    faults = faults.filter((fault) => (fault.until ?? Infinity) > at && fault.count !== 0);
  };
  const fires = (fault: Fault, endpoint: string): boolean => {
    if (fault.endpoint !== undefined && fault.endpoint !== endpoint) return false;
    if (fault.rate !== undefined && random.next() >= fault.rate) return false;
    if (fault.count !== undefined) fault.count -= 1;
    return true;
  };
  return {
    set(next) {
      faults = next.map((fault) => ({ ...fault }));
    },
    list(at) {
      expire(at);
      return faults.map((fault) => ({ ...fault }));
    },
    draw(endpoint, at) {
      expire(at);
      let delayMs = 0;
      let skewMs = 0;
      let acting: ActingFault | undefined;
      const names: string[] = [];
      for (const fault of faults) {
        const adds = fault.kind === 'latency' || fault.kind === 'clock_skew';
        if ((!adds && acting !== undefined) || !fires(fault, endpoint)) continue;
        names.push(fault.kind);
        if (fault.kind === 'latency') {
          delayMs += fault.ms + Math.floor((fault.jitterMs ?? 0) * random.next());
        } else if (fault.kind === 'clock_skew') skewMs += fault.ms;
        else acting = fault;
      }
      return { delayMs, skewMs, ...(acting === undefined ? {} : { acting }), names };
    },
  };
}
