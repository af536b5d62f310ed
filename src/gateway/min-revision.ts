/** Waiting until the view of a collector shows the command revisions that its caller has seen elsewhere. */
import type { Reach } from './operation.js';
import { invalidInput, overloaded } from './problems.js';
import type { Problem } from './problems.js';

const ETAG = /^\d{1,15}\.\d{1,15}\.\d{1,15}$/;

/**
 * Undefined once each component of the view is at least that of `least`, within `viewWaitMs`. What no
 * view will ever show (a revision that was never given) is waited for as long.
 */
export async function notYetAt(
  name: string,
  least: string,
  reach: Pick<Reach, 'views' | 'clock' | 'limits' | 'slots'>,
): Promise<Problem | undefined> {
  if (!ETAG.test(least)) {
    const detail = 'must be the etag of an answer: three numbers with dots between';
    return invalidInput({ pointer: '/min_revision', detail });
  }
  const shown = reach.views.docs(name)?.etag;
  // An unknown name is told as such at once.
  if (shown === undefined || isAtLeast(shown, least)) return undefined;
  if (!reach.slots.waits.enter()) return overloaded('too many callers wait for the views');
  try {
    return await shownInTime(name, least, reach);
  } finally {
    reach.slots.waits.leave();
  }
}

async function shownInTime(
  name: string,
  least: string,
  { views, clock, limits }: Pick<Reach, 'views' | 'clock' | 'limits'>,
): Promise<Problem | undefined> {
  const deadline = clock.monotonic() + limits.viewWaitMs;
  for (;;) {
    const shown = views.docs(name)?.etag;
    if (shown === undefined || isAtLeast(shown, least)) return undefined;
    const left = deadline - clock.monotonic();
    // Whatever the views show next may be it.
    const moved = left > 0 && (await views.caughtUp(views.position() + 1, left));
    if (!moved) return behind(shown);
  }
}

function behind(etag: string): Problem {
  return { code: 'view_behind', detail: `the view shows revisions ${etag} so far`, etag };
}

/** Each component. */
function isAtLeast(shown: string, least: string): boolean {
  const wanted = least.split('.').map(Number);
  return shown.split('.').every((part, place) => Number(part) >= (wanted[place] ?? 0));
}
