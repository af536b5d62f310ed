/**
 * What upstreams see of a scope, counted naively: every departure with what it drew, and an upstream
 * whose own windows begin with the first call that arrives. Knows nothing of the code under test.
 */
export type Departure = {
  readonly wall: number;
  readonly mono: number;
  /** How often the wall clock had jumped by then. */
  readonly jumps: number;
  /** What it really drew: known when its answer came. Until then what it may draw at the most. */
  units: number;
};

/** The most units in any window of `windowMs` on the monotonic clock, looked at from each departure. */
export function mostInAnyWindow(log: readonly Departure[], windowMs: number): number {
  return log.reduce((most, { mono }) => {
    const inside = log.filter((other) => other.mono >= mono && other.mono < mono + windowMs - 1e-6);
    return Math.max(most, sumOf(inside));
  }, 0);
}

/** The most units in one window aligned to the clock, as the wall clock stood between two jumps. */
export function mostPerClockWindow(log: readonly Departure[], windowMs: number): number {
  const windows = new Map<string, number>();
  for (const { wall, jumps, units } of log) {
    const key = `${String(jumps)}/${String(Math.floor(wall / windowMs))}`;
    windows.set(key, (windows.get(key) ?? 0) + units);
  }
  return Math.max(0, ...windows.values());
}

export function sumOf(log: readonly Departure[]): number {
  return log.reduce((sum, { units }) => sum + units, 0);
}

export type Told = { readonly limit: number; readonly remaining: number; readonly leftMs: number };

/** An upstream whose window begins with the first call that arrives when none stands. */
export function resettingUpstream(limit: number, windowMs: number) {
  let end = -Infinity;
  let used = 0;
  let most = 0;
  return {
    /** Counts a call that arrives; what is told of the window then. */
    arrive(mono: number, units: number): Told {
      if (mono >= end) {
        end = mono + windowMs;
        used = 0;
      }
      used += units;
      most = Math.max(most, used);
      return { limit, remaining: Math.max(0, limit - used), leftMs: end - mono };
    },
    /** The most that one of its windows held. */
    most: (): number => most,
  };
}
