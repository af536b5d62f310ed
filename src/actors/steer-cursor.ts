/**
 * Where a series goes on, by an operator's word.
 *
 * The session that opens next compares the journal's cursor with the sink's (collector/session.ts): a
 * cursor whose ordinal is below the sink's is in step, so an operator's gets the one below, and nothing
 * else must be told. A sink that has no page of the series takes the cursor over first: should the fact
 * not follow, it holds a place that no cursor refers to.
 */
import type { RecordSink } from '../records/port.js';
import type { Member } from './assembly.js';
import { regions } from './collector/index.js';
import { conditioned } from './conditions.js';
import type { SteerContext, Steered } from './engine.js';
import { refused, steered } from './steered.js';

export type CursorWish = { readonly series: string; readonly cursor: string };

/** @throws {SinkUnavailable} nothing changed. */
export function setCursor(
  member: Member,
  { series, cursor }: CursorWish,
  sink: RecordSink,
  context: SteerContext,
): Promise<Steered> {
  const { handle, setup } = member;
  const { name } = setup;
  return conditioned(member, 'collector', context, async (contextFor) => {
    const wrong = unknownSeries(member, series);
    if (wrong !== undefined) return wrong;
    const sunk = (await sink.positions(name)).find((position) => position.series === series);
    const ordinal = Math.max(0, (sunk?.ordinal ?? 0) - 1);
    const isSinks = (sunk?.ordinal ?? 0) === 0;
    if (isSinks && context.dryRun !== true && isStopped(member)) {
      await sink.setPosition(name, { series, cursor, ordinal });
    }
    const command = { type: 'SetCursor', series, cursor, ordinal, cause: 'operator' } as const;
    return steered(handle.stream, await handle.ask(command, contextFor(handle)));
  });
}

/** The actor decides; this only keeps a command that it will refuse away from the sink. */
function isStopped({ handle }: Member): boolean {
  if (handle.quarantined() !== undefined) return false;
  const { desired, activity } = regions(handle.state());
  return desired === 'disabled' && activity === 'stopped';
}

/** A collector that never ran has no series yet: then any may be named. */
function unknownSeries({ handle }: Member, series: string): Steered | undefined {
  if (handle.quarantined() !== undefined) return undefined;
  const known = Object.keys(handle.state().context.cursors);
  if (known.length === 0 || known.includes(series)) return undefined;
  const detail = `must be one of ${known.sort().join(', ')}`;
  return refused({ kind: 'invalid', field: '/series', detail });
}
