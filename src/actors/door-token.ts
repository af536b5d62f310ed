/**
 * The short-lived token of one upstream: got through the door like any call, held in memory only.
 *
 * O1 One call for a token at a time: whoever needs one meanwhile gets the same.
 * O2 A token is used until shortly before its end by the monotonic clock, then a new one is got first.
 * O3 A token that was refused is forgotten once: of many calls refused together one gets the next.
 */
import type { DurationMs, MonotonicMs } from '../kernel/types.js';
import type { RequestFailure } from '../sources/port.js';

/** A token is given up so long before its end, or a tenth of its life before it if that is less. */
export const TOKEN_MARGIN_MS: DurationMs = 60_000;

export type Granted =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly failure: RequestFailure };

export interface TokenKeeper {
  /** The token there is, or the one `get` brings. `run`: who asks; a flight of another run is not shared. */
  take(run: string, now: MonotonicMs, get: () => Promise<Granted>): Promise<Granted>;
  /** It was granted at `now` and lasts so long. */
  keep(token: string, lastsMs: DurationMs, now: MonotonicMs): void;
  /** Of this token, or of any: the next `take` gets a new one. */
  forget(token?: string): void;
  /** What must not be shown: the token held, and the one before it, whose answers may still come. */
  known(): readonly string[];
}

type Flight = { readonly run: string; readonly granted: Promise<Granted> };

export function tokenKeeper(): TokenKeeper {
  let held: { readonly token: string; readonly freshUntil: MonotonicMs } | undefined;
  let known: readonly string[] = [];
  let flight: Flight | undefined;
  return {
    async take(run, now, get) {
      if (held !== undefined && now < held.freshUntil) return { ok: true, token: held.token }; // O2
      // O1. A flight of a run that is over ends with that run, not for us.
      if (flight?.run === run) return flight.granted;
      const mine: Flight = { run, granted: get() };
      flight = mine;
      try {
        return await mine.granted;
      } finally {
        if (flight === mine) flight = undefined;
      }
    },
    keep(token, lastsMs, now) {
      held = { token, freshUntil: now + lastsMs - Math.min(TOKEN_MARGIN_MS, lastsMs / 10) };
      if (!known.includes(token)) known = [token, ...known].slice(0, 2);
    },
    forget(token) {
      if (token === undefined || held?.token === token) held = undefined; // O3
    },
    known: () => known,
  };
}
