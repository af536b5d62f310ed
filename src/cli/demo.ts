/** What the demo prints: where things are, what to try, and a calm line per change worth telling. */
import { messageOf } from '../kernel/errors.js';
import type { Journal } from '../journal/port.js';
import { isoTime } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { narrator, TOLD_CATEGORIES } from './narrate.js';

/** Seconds between runs: one where an upstream's own limits want more patience. */
const INTERVALS_S: Readonly<Record<string, number>> = {
  historical: 5,
  moralis: 7,
  glassnode: 8,
  twitter: 9,
  reddit: 7,
  lunarcrush: 20,
  sentiment: 11,
  stock_index: 15,
};
const INTERVAL_S = 10;

/**
 * What the demo would rather have, by dotted key: everything near, quick and quiet, and breakers that try
 * again while somebody still looks. Given options still win.
 */
export function demoPreset(collectors: readonly string[]): Readonly<Record<string, string>> {
  const intervals = collectors.map((name): readonly [string, string] => [
    `collectors.${name}.interval_ms`,
    String((INTERVALS_S[name] ?? INTERVAL_S) * 1000),
  ]);
  return {
    mode: 'sandbox',
    'data.dir': 'data/demo',
    'log.format': 'pretty',
    'log.level': 'warn',
    'http.request_timeout_ms': '4000',
    'breaker.open_ms': '8000',
    ...Object.fromEntries(intervals),
  };
}

export type DemoDoors = {
  readonly restUrl: string;
  readonly grpcUrl: string;
  readonly metricsUrl: string;
  readonly sandboxUrl: string | undefined;
};

/** Things to try, as they can be pasted. */
export function demoWelcome({ restUrl, grpcUrl, metricsUrl, sandboxUrl }: DemoDoors): string {
  const lines = [
    'Headgate demo: every collector runs against a bundled upstream on this machine.',
    '',
    `  REST       ${restUrl}`,
    `  gRPC       ${grpcUrl}`,
    `  metrics    ${metricsUrl}`,
    ...(sandboxUrl === undefined ? [] : [`  upstream   ${sandboxUrl}/__sandbox`]),
    '',
    'Try:',
    `  curl -s ${restUrl}/collectors/historical`,
    `  curl -s '${restUrl}/collectors/historical/records?limit=3'`,
    `  curl -s -X PUT -H 'content-type: application/json' -d '{"state":"open"}' \\`,
    `       ${restUrl}/collectors/historical/circuit-breaker/state`,
    ...(sandboxUrl === undefined
      ? []
      : [`  curl -s -X PUT ${sandboxUrl}/__sandbox -d '{"scenario":"flapping"}'`]),
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
    const narrate = narrator();
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

/** A scenario's phase, as far as the demo tells it. */
export type ToldPhase = {
  readonly name: string;
  /** null: it is over. */
  readonly phase: string | null;
  readonly says: string;
  readonly number: number;
  readonly phases: number;
};

/** The line for the beginning of a scenario's phase, or for its end. */
export function phaseLine(told: ToldPhase, at: EpochMs): string {
  const { name, number, phase, phases, says } = told;
  const where = phase === null ? name : `${name} ${String(number)}/${String(phases)}, ${phase}`;
  return `${isoTime(at).slice(11, 19)}  ${'SCENARIO'.padEnd(16)} ${where}: ${says}\n`;
}
