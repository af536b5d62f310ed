/** `headgate cursor`: where in its source the next run begins, shown or set. */
import type { Command } from 'commander';
import {
  CollectorServiceService as Collectors,
  UpdateCursorRequest,
} from '../../gen/headgate/v1/collector_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { answerLines } from '../render/answers.js';
import { heading, noteLines } from '../render/page.js';
import { cursorLines } from '../render/status-page.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addGuards, guardedOne } from './guards.js';
import type { GuardFlags } from './guards.js';

type CursorFlags = ClientFlags & GuardFlags;

export function addCursor(root: Command, open: Opener): void {
  const command = clientCommand(
    root,
    'cursor',
    'show where in its source the next run begins, or set it while the collector is disabled',
    [
      'cursor historical',
      'cursor historical BTCUSDT/1m 1735689600000 --reason "gap"',
      'cursor historical BTCUSDT/1m ""',
    ],
  )
    .argument('<name>', 'the collector')
    .argument('[series]', 'the series; "" where the source has only one')
    .argument('[cursor]', 'where to begin, in the words of the source; "": at the beginning');
  addGuards(command);
  command.action(
    (name: string, series: string | undefined, cursor: string | undefined, flags: CursorFlags) => {
      if (series !== undefined && cursor === undefined) {
        throw new UsageInvalid(['cursor: is missing; give the series and where to begin']);
      }
      return open(flags, (session) =>
        cursor === undefined
          ? show(session, name)
          : set(session, name, { series: series ?? '', cursor }, flags),
      );
    },
  );
}

async function show(session: Session, name: string): Promise<undefined> {
  const answer = await session.ask(Collectors.getCursor, { name });
  session.show(answer, () => {
    const view = session.view();
    const { cursors, etag } = answer;
    const title = heading(`${name}: etag ${etag}`, view);
    if (cursors.length === 0) return [title, ...noteLines(['at the beginning'], view)];
    return [title, ...cursorLines(cursors, view)];
  });
  return undefined;
}

async function set(
  session: Session,
  name: string,
  place: { readonly series: string; readonly cursor: string },
  flags: CursorFlags,
): Promise<undefined> {
  const request = UpdateCursorRequest.fromPartial({ name, ...place, ...guardedOne(flags) });
  const answer = await session.ask(Collectors.updateCursor, request);
  session.show(answer, () => {
    const view = session.view();
    const lines = answerLines(answer, view);
    const isShown = !answer.dry_run && answer.cursors.length > 0;
    return isShown ? [...lines, ...cursorLines(answer.cursors, view)] : lines;
  });
  return undefined;
}
