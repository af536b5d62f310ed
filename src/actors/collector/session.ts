/**
 * Opens a collector's session: brings the cursor back to where the sink is, then says `Connected`.
 *
 * S1 Nothing is collected before the cursor is no further than the sink: a sink that cannot tell, or
 *    cannot take it over, is asked again; so is a journal that cannot record it.
 * S2 One attempt at a time, and none that nobody wants any more.
 */
import { messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import { wait, type Clock } from '../../kernel/time.js';
import type { RecordSink, SeriesPosition } from '../../records/port.js';
import type { ActorHandle, SystemContext } from '../handle.js';
import type { CollectorCommand } from './commands.js';
import { mayFetch, regions, type CollectorContext, type SeriesCursor } from './context.js';
import type { CollectorFact } from './events.js';

export type SessionDeps = {
  readonly name: string;
  readonly handle: ActorHandle<CollectorContext, CollectorCommand, CollectorFact>;
  readonly sink: RecordSink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly system: SystemContext;
  readonly hasKey: boolean;
};

/** Pause before the next attempt; doubles up to the second. */
const RETRY_MS = 500;
const RETRY_MAX_MS = 10_000;

/** What opens the session when the state owes one. `isClosed`: the process ends, nothing is owed. */
export function sessionOpener(deps: SessionDeps, isClosed: () => boolean): () => void {
  let isOpening = false;
  let asked = 0;
  const open = async (): Promise<void> => {
    for (let seen = -1; seen !== asked;) {
      seen = asked;
      let pause = RETRY_MS;
      while (isWanted(deps, isClosed) && !(await attempt(deps, isClosed))) {
        await wait(deps.clock, pause);
        pause = Math.min(pause * 2, RETRY_MAX_MS);
      }
    }
    isOpening = false;
  };
  return () => {
    asked += 1;
    if (isOpening) return;
    isOpening = true;
    void open();
  };
}

function isWanted({ handle }: SessionDeps, isClosed: () => boolean): boolean {
  if (isClosed() || handle.quarantined() !== undefined) return false;
  const state = handle.state();
  const { activity } = regions(state);
  const isApart = activity === 'stopped' || activity === 'starting' || activity === 'restarting';
  return isApart && mayFetch(state);
}

/** True: it is said, or the journal will never take it. */
async function attempt(deps: SessionDeps, isClosed: () => boolean): Promise<boolean> {
  const { handle, log, system, hasKey } = deps;
  try {
    if (hasKey) await rewindToSink(deps);
  } catch (thrown) {
    log.warn('the sink is not ready: no session yet, trying again', { error: messageOf(thrown) });
    return false;
  }
  if (isClosed()) return true;
  const answer = await handle.ask({ type: hasKey ? 'Connected' : 'KeyMissing' }, system('connect'));
  if (answer.ok || answer.refusal.kind === 'stopping') return true;
  log.warn('session not recorded, trying again', { refusal: answer.refusal.kind });
  return false;
}

/** A sink behind the journal's cursor (restored, or lost) rewinds it, as a fact. */
async function rewindToSink({ name, handle, sink, log, system }: SessionDeps): Promise<void> {
  const positions = await sink.positions(name);
  const bySeries = new Map(positions.map((position) => [position.series, position]));
  for (const [series, known] of Object.entries(handle.state().context.cursors)) {
    const { ordinal } = known;
    const sunk = bySeries.get(series);
    if (sunk !== undefined && isInStep(sunk, known)) continue;
    const cursor = sunk?.cursor ?? 'null';
    log.warn('sink is behind, cursor rewound', { series, ordinal, sink: sunk?.ordinal ?? 0 });
    const command = { type: 'SetCursor', series, cursor, ordinal, cause: 'sink_behind' } as const;
    const answer = await handle.ask(command, system('sink behind'));
    if (!answer.ok) throw new Error(`cursor not rewound: ${answer.refusal.detail}`);
    await sink.setPosition(name, { series, cursor, ordinal });
  }
}

/**
 * A page that was stored and whose cursor was lost is asked for again under the same ordinal, and may
 * hold more by then: of two equal ordinals only equal cursors are the same page.
 */
function isInStep(sunk: SeriesPosition, known: SeriesCursor): boolean {
  if (sunk.ordinal !== known.ordinal) return sunk.ordinal > known.ordinal;
  return sunk.cursor === known.cursor;
}
