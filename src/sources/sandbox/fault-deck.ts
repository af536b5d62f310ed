/**
 * Which faults apply to a request: drawn in the order in which they were set, those set by hand before
 * those of a scenario.
 *
 * 1. `latency`, `headers` and `clock_skew` add up; of all others the first that fires is the one.
 * 2. A fault whose count is spent or whose time is over is gone from the list.
 * 3. Chance comes from the seed, one draw per fault that has a rate and applies: the same requests
 *    meet the same faults.
 * 4. `unreachable` meets no request: it holds from moment to moment.
 */
import type { Random } from '../../kernel/random.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Fault, FaultOf } from './fault-schemas.js';

type Adding = 'latency' | 'clock_skew' | 'headers';
export type ActingFault = Exclude<Fault, { kind: Adding | 'unreachable' }>;

/** What a request meets. */
export type Draw = {
  readonly delayMs: DurationMs;
  readonly skewMs: DurationMs;
  /** Beside the provider's own, or in their place. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly acting?: ActingFault;
  /** Kinds of all that fired, for the log. */
  readonly names: readonly string[];
};

/** Who set a fault: people and tests by hand, or the scenario that runs. */
export type Hand = 'set' | 'scenario';
export type Unreachable = NonNullable<FaultOf<'unreachable'>['how']>;

export type FaultDeck = {
  /** Replaces all that this hand had set. */
  set(faults: readonly Fault[], at: EpochMs, hand?: Hand): void;
  /** As they stand: with the counts that are left, and the moment at which they end. */
  list(at: EpochMs, hand?: Hand): readonly Fault[];
  draw(endpoint: string, at: EpochMs): Draw;
  unreachable(at: EpochMs): Unreachable | undefined;
  /** The next moment at which `unreachable` may be something else. */
  nextChange(at: EpochMs): EpochMs | undefined;
};

type Held = { readonly fault: Fault; readonly startsAt: EpochMs; readonly endsAt: EpochMs };

function held(fault: Fault, at: EpochMs): Held {
  const startsAt = at + (fault.afterMs ?? 0);
  const endsAt = Math.min(fault.until ?? Infinity, startsAt + (fault.forMs ?? Infinity));
  return { fault: { ...fault }, startsAt, endsAt };
}

function isOn({ fault, startsAt, endsAt }: Held, at: EpochMs): boolean {
  if (at < startsAt || at >= endsAt) return false;
  if (fault.cycle === undefined) return true;
  const { onMs, offMs } = fault.cycle;
  return (at - startsAt) % (onMs + offMs) < onMs;
}

/** When this one next begins or ends to hold; Infinity: never. */
function changeOf({ fault, startsAt, endsAt }: Held, at: EpochMs): EpochMs {
  if (at < startsAt) return startsAt;
  if (fault.cycle === undefined) return endsAt;
  const { onMs, offMs } = fault.cycle;
  const into = (at - startsAt) % (onMs + offMs);
  return Math.min(endsAt, at - into + (into < onMs ? onMs : onMs + offMs));
}

function asListed({ fault, endsAt }: Held): Fault {
  return { ...fault, ...(Number.isFinite(endsAt) ? { until: endsAt } : {}) };
}

export function faultDeck(random: Random): FaultDeck {
  const hands: Record<Hand, Held[]> = { set: [], scenario: [] };
  const expire = (at: EpochMs): readonly Held[] => {
    for (const hand of ['set', 'scenario'] as const) {
      hands[hand] = hands[hand].filter(({ fault, endsAt }) => endsAt > at && fault.count !== 0);
    }
    return [...hands.set, ...hands.scenario];
  };
  const fires = (fault: Fault, endpoint: string): boolean => {
    if (fault.endpoint !== undefined && fault.endpoint !== endpoint) return false;
    if (fault.rate !== undefined && random.next() >= fault.rate) return false;
    if (fault.count !== undefined) fault.count -= 1;
    return true;
  };
  const closed = (at: EpochMs): readonly Held[] =>
    expire(at).filter(({ fault }) => fault.kind === 'unreachable');
  return {
    set(faults, at, hand = 'set') {
      hands[hand] = faults.map((fault) => held(fault, at));
    },
    list(at, hand = 'set') {
      expire(at);
      return hands[hand].map(asListed);
    },
    draw(endpoint, at) {
      let delayMs = 0;
      let skewMs = 0;
      let headers: Record<string, string> | undefined;
      let acting: ActingFault | undefined;
      const names: string[] = [];
      for (const each of expire(at)) {
        const { fault } = each;
        if (fault.kind === 'unreachable' || !isOn(each, at)) continue;
        const adds = ['latency', 'clock_skew', 'headers'].includes(fault.kind);
        if ((!adds && acting !== undefined) || !fires(fault, endpoint)) continue;
        names.push(fault.kind);
        if (fault.kind === 'latency') {
          delayMs += fault.ms + Math.floor((fault.jitterMs ?? 0) * random.next());
        } else if (fault.kind === 'clock_skew') skewMs += fault.ms;
        else if (fault.kind === 'headers') headers = { ...headers, ...fault.set };
        else acting = fault;
      }
      const added = headers === undefined ? {} : { headers };
      return { delayMs, skewMs, ...added, ...(acting === undefined ? {} : { acting }), names };
    },
    unreachable(at) {
      const first = closed(at).find((each) => isOn(each, at))?.fault;
      return first?.kind === 'unreachable' ? (first.how ?? 'refused') : undefined;
    },
    nextChange(at) {
      const next = Math.min(...closed(at).map((each) => changeOf(each, at)));
      return Number.isFinite(next) ? next : undefined;
    },
  };
}
