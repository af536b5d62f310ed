/** Whose a failure is: of one series, of ourselves, or else of the upstream. */
import type { RequestFailure } from './port.js';

/** What was asked for cannot be had, or came as it cannot be: other series may be well. */
export function isOfSeries({ outcome }: RequestFailure): boolean {
  return outcome === 'client' || outcome === 'bad_data';
}

/** Disabled, drained or aborted: by ourselves, so nothing more is asked. */
export function isOurs({ outcome, cause }: RequestFailure): boolean {
  return outcome === 'cancelled' || cause === 'desired' || cause === 'draining';
}

/** For people: what went wrong and, where that is known, until when. */
export function said({ message, until }: RequestFailure): string {
  return until === undefined ? message : `${message}, until ${new Date(until).toISOString()}`;
}
