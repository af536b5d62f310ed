/** What the demo prints: where things are, what to try, and a calm line per change worth telling. */
import { messageOf } from '../kernel/errors.js';
import type { Journal } from '../journal/port.js';
import { narrate, TOLD_CATEGORIES } from './narrate.js';

/** Three things to try, as they can be pasted. */
export function demoWelcome(restUrl: string, metricsUrl: string, sandboxUrl?: string): string {
  const lines = [
    'Headgate demo: every collector runs against a bundled upstream on this machine.',
    '',
    `  REST       ${restUrl}`,
    `  metrics    ${metricsUrl}`,
    ...(sandboxUrl === undefined ? [] : [`  upstream   ${sandboxUrl}/__sandbox`]),
    '',
    'Try:',
    `  curl -s ${restUrl}/collectors/historical`,
    `  curl -s '${restUrl}/collectors/historical/records?limit=3'`,
    `  curl -s -X PUT -H 'content-type: application/json' -d '{"state":"open"}' \\`,
    `       ${restUrl}/collectors/historical/circuit-breaker/state`,
    '',
    'Ctrl-C stops it; what it knows is kept and found again at the next start.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}

/** Prints what happens from now on, until the signal. */
export async function tellEvents(
  journal: Journal,
  signal: AbortSignal,
  out: (text: string) => void,
): Promise<void> {
  try {
    const from = await journal.head();
    const filter = { categories: TOLD_CATEGORIES };
    for await (const page of journal.subscribe(from, filter, signal)) {
      for (const event of page.events) {
        const line = narrate(event);
        if (line !== undefined) out(`${line}\n`);
      }
    }
  } catch (thrown) {
    out(`the demo's voice is gone: ${messageOf(thrown)}\n`);
  }
}
