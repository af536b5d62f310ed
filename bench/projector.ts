/** Read models catching up with a journal, all of them, from nothing; against a paged read with JSON.parse. */
import { join } from 'node:path';
import { openViews } from '../src/projections/index.js';
import type { Journal } from '../src/journal/port.js';
import { filledJournal } from './support/fill.js';
import { costRatio, interleaved, throughputRatio, timed } from './support/measure.js';
import { eventsOf, type BenchOptions } from './support/options.js';
import { plainReader } from './support/plain-reader.js';
import { atLeast, figure, type Report } from './support/report.js';
import { clock, inTemporaryDirectory, log, sqliteStores } from './support/world.js';

const EVENTS = 30_000;
const COLLECTORS = 100;
const WAIT_MS = 600_000;

export async function projector(options: BenchOptions): Promise<Report> {
  const events = Math.min(eventsOf(options, EVENTS), 200_000);
  const filled = await filledJournal(options.shared, events, COLLECTORS);
  const stores = await sqliteStores(filled.path);
  const plain = plainReader(filled.path);
  const seen = await interleaved(
    { ours: () => timed(() => catchUp(stores.journal)), plain: () => timed(plain.readAll) },
    options.rounds,
  );
  plain.close();
  await stores.close();
  const { ours, plain: theirs } = seen;
  const ratio = throughputRatio(ours, theirs);
  return {
    title: 'read models catching up',
    lead:
      'Ours: `openViews` on an empty read store in a file, following the SQLite journal from position 0 ' +
      'until all read models (status, health history, costs) stand at its head: rows verified, ' +
      'decoded, folded, rows and checkpoint committed per page. Plain: the same events by position, ' +
      '1000 a page, `JSON.parse` of data and metadata.',
    tables: [
      {
        caption: `${figure(filled.events)} events of ${String(COLLECTORS * 3)} actors; medians of ${String(options.rounds)} rounds.`,
        columns: ['ours /s', 'CPU µs/event', 'plain /s', 'CPU µs/event', 'ratio', 'by CPU'],
        rows: [
          [
            ours.perSecond,
            ours.cpuNs / 1000,
            theirs.perSecond,
            theirs.cpuNs / 1000,
            ratio,
            1 / costRatio(ours, theirs),
          ],
        ],
      },
    ],
    verdicts: [
      atLeast('all read models / plain paged read', ratio, 0.3, ' ×'),
      atLeast('events into all read models', ours.perSecond, 50_000, '/s'),
    ],
    notes: [
      'Cause of what is missed (profiled): a third goes to SQLite, for about one row is written per event and those of the health history (raw and minute, two a run) are never written twice; a fifth to reading and verifying. Pages five or twenty times as large gain a tenth. Proposal: roll-ups by the hour while catching up, raw rows only for the last day.',
    ],
    notMeasured: ['a journal that grows meanwhile', 'readers asking the views meanwhile'],
  };
}

async function catchUp(journal: Journal): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const views = await openViews({ path: join(directory, 'views.db'), journal, clock, log });
    const head = await journal.head();
    views.start();
    const isThere = await views.caughtUp(head, WAIT_MS);
    await views.stop();
    if (!isThere) throw new Error('the read models did not catch up');
    return head;
  });
}
