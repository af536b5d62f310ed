/**
 * A process that appends until it is killed. Before each append it writes an intent line, after each
 * acknowledgement an ack line, to a file (which survives the process): `i|a <stream> <expected> <id>`.
 * Exit 3: the journal is locked. Exit 7: the journal told a fatal failure.
 */
import { openSync, writeSync } from 'node:fs';
import { sqliteJournal } from '../../src/journal/journal.sqlite.js';
import { JournalLocked } from '../../src/journal/port.js';
import { newEvent } from './journal-events.js';

const [path = '', notes = '', round = '0', mode = 'append'] = process.argv.slice(2);
// With a handler a write beyond the limit of `ulimit -f` fails with EFBIG instead of a signal.
process.on('SIGXFSZ', () => undefined);

async function main(): Promise<void> {
  const journal = await sqliteJournal({
    path,
    onFatal: (error) => {
      process.stderr.write(`fatal: ${error.message}\n`);
      process.exit(7);
    },
  });
  const file = openSync(notes, 'a');
  process.stdout.write('ready\n');
  if (mode === 'hold') setInterval(() => undefined, 60_000);
  else await Promise.all(Array.from({ length: 8 }, (_, n) => keepAppending(`s-${String(n)}`)));

  async function keepAppending(stream: string): Promise<never> {
    let expected = (await journal.streamHead(stream))?.revision ?? -1;
    for (let n = 0; ; n += 1) {
      const id = `${stream}/${round}/${String(n)}`;
      writeSync(file, `i ${stream} ${String(expected)} ${id}\n`);
      const result = await journal.append(stream, expected, [newEvent(id, { n, round })]);
      if (result.kind !== 'appended') throw new Error(`conflict at ${id}`);
      writeSync(file, `a ${stream} ${String(expected)} ${id}\n`);
      expected = result.revision;
    }
  }
}

main().catch((thrown: unknown) => {
  process.stderr.write(`${String(thrown)}\n`);
  process.exit(thrown instanceof JournalLocked ? 3 : 1);
});
