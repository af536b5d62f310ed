/** `headgate verify`: whether a journal is what was written; a file's, or the running service's own. */
import type { Command } from 'commander';
import { HistoryServiceService as History } from '../../gen/headgate/v1/history_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { verifyExit, verifyLines } from '../verify.js';
import type { VerifyReport } from '../verify.js';

export type VerifyParts = {
  readonly open: Opener;
  readonly out: (text: string) => void;
  readonly ended: (code: number) => void;
  /** Walks a file. */
  readonly verify: (file: string) => Promise<VerifyReport>;
};

export function addVerify(root: Command, { open, out, ended, verify }: VerifyParts): void {
  clientCommand(
    root,
    'verify',
    'check every event of a journal and name the first bad one',
    ['verify data/journal.db', 'verify --server', 'verify --server 127.0.0.1:50051 --json'],
    '--server [host:port]',
  )
    .argument('[journal]', 'path of a journal file; nothing in it is changed')
    .action(async (file: string | undefined, flags: ClientFlags) => {
      if (file !== undefined && flags.server !== undefined) {
        throw new UsageInvalid(['give either a journal file or --server']);
      }
      if (file === undefined && flags.server === undefined) {
        throw new UsageInvalid([
          "missing required argument 'journal'; --server asks the running service",
        ]);
      }
      if (file === undefined) return open(flags, ask);
      const report = await verify(file);
      if (flags.json === true) out(`${JSON.stringify({ journal: file, ...report })}\n`);
      else for (const line of verifyLines(file, report)) out(`${line}\n`);
      ended(verifyExit(report));
    });
}

async function ask(session: Session): Promise<number> {
  const answer = await session.ask(History.verifyJournal, {});
  const damage = answer.faults.map(({ stream, revision, detail }) =>
    stream === '' ? { detail } : { stream, revision, detail },
  );
  // Not sound and no fault named: still damage.
  const unnamed = !answer.valid && damage.length === 0 ? [{ detail: 'it is not sound' }] : [];
  const report = {
    events: answer.events,
    streams: answer.streams,
    damage: [...damage, ...unnamed],
  };
  session.show(answer, () => verifyLines(session.connection.address, report));
  return verifyExit(report);
}
