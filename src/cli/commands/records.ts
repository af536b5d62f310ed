/** `headgate records`: what a collector collected, the newest or as it comes. */
import type { Command } from 'commander';
import {
  ListRecordsRequest,
  RecordServiceService as Records,
  SubscribeRecordsRequest,
} from '../../gen/headgate/v1/record_service.js';
import type { Record as Collected } from '../../gen/headgate/v1/record_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { countGiven } from '../given.js';
import type { Plain } from '../plain.js';
import { recordLine } from '../render/facts.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';

type RecordsFlags = ClientFlags & {
  readonly follow?: true;
  readonly after?: number;
  readonly limit?: number;
};

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1000;

export function addRecords(root: Command, open: Opener): void {
  clientCommand(root, 'records', 'what a collector collected: the newest records', [
    'records historical --limit 5',
    'records moralis --follow --json',
    'records moralis --after 1200',
  ])
    .argument('<name>', 'the collector')
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--after <n>', 'those after this sequence, oldest first', countGiven)
    .option('--limit <n>', `at most so many (default: ${String(LIMIT_DEFAULT)})`, countGiven)
    .action((name: string, flags: RecordsFlags) => {
      const { limit = LIMIT_DEFAULT } = flags;
      if (limit < 1 || limit > LIMIT_MAX) {
        throw new UsageInvalid([`--limit: must be 1 to ${String(LIMIT_MAX)}`]);
      }
      return open(flags, async (session) => {
        if (flags.follow === true) await follow(session, name, flags);
        else await page(session, name, flags);
        return undefined;
      });
    });
}

async function page(session: Session, name: string, flags: RecordsFlags): Promise<void> {
  const { after, limit = LIMIT_DEFAULT } = flags;
  const from = after === undefined ? {} : { after: BigInt(after) };
  const request = ListRecordsRequest.fromPartial({ name, limit, ...from });
  const answer = await session.ask(Records.listRecords, request);
  session.show(answer, () => {
    const view = session.view();
    // However the page ran: the newest stands last, where one looks.
    const records = after === undefined ? answer.records.toReversed() : answer.records;
    if (records.length === 0) return ['no records'];
    return records.map((record) => recordLine(record, view));
  });
}

/** The last few first, unless it is told from where. */
async function follow(session: Session, name: string, flags: RecordsFlags): Promise<void> {
  let { after } = flags;
  const show = (record: Plain<Collected>): void => {
    after = Math.max(after ?? 0, record.sequence);
    session.line(session.isJson ? JSON.stringify(record) : recordLine(record, session.view()));
  };
  if (after === undefined) {
    const request = ListRecordsRequest.fromPartial({ name, limit: flags.limit ?? LIMIT_DEFAULT });
    const { records, next_after: next } = await session.ask(Records.listRecords, request);
    for (const record of records.toReversed()) show(record);
    after = next;
  }
  const request = () =>
    SubscribeRecordsRequest.fromPartial({ name, after: BigInt(after ?? 0), follow: true });
  await session.follow({ method: Records.subscribeRecords, request }, ({ record }) => {
    if (record !== null) show(record);
  });
}
