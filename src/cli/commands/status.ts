/** `headgate status`: all collectors in a table, one of them on a page, or what changes as it does. */
import type { Command } from 'commander';
import {
  CollectorServiceService as Collectors,
  ListCollectorsRequest,
} from '../../gen/headgate/v1/collector_service.js';
import type { Cursor } from '../../gen/headgate/v1/collector_service.js';
import { GetCollectorRequest } from '../../gen/headgate/v1/collector_service.js';
import type { ClientFlags } from '../client-options.js';
import { EXIT, UsageInvalid } from '../exit.js';
import { CallFailed } from '../failure.js';
import { momentGiven, momentOf } from '../given.js';
import type { Since } from '../given.js';
import type { Plain } from '../plain.js';
import { statusPageLines } from '../render/status-page.js';
import { statusLines, summaryLine } from '../render/status-table.js';
import type { Line } from '../render/status-table.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { watch } from './watch.js';

type StatusFlags = ClientFlags & { readonly watch?: true; readonly at?: Since };

/** As many as there are in a page; a table of more pages is asked for page by page. */
const PAGE_SIZE = 1000;
/** Pages of one table: a hundred thousand collectors. */
const PAGES_MAX = 100;

export function addStatus(root: Command, open: Opener): void {
  clientCommand(root, 'status', 'how collectors are, and why one is not fetching', [
    'status',
    'status moralis',
    'status --watch',
    'status moralis --at 2h --json',
  ])
    .argument('[name]', 'one collector: everything about it')
    .option('--watch', 'go on showing what changes, until Ctrl-C')
    .option('--at <moment>', 'as of then: ISO 8601 with an offset, or e.g. 2h for ago', momentGiven)
    .action((name: string | undefined, flags: StatusFlags) => {
      if (flags.at !== undefined && (name === undefined || flags.watch === true)) {
        throw new UsageInvalid(['--at: is about one collector, and is not watched']);
      }
      return open(flags, async (session) => {
        if (flags.watch === true) await watch(session, name);
        else if (name === undefined) await table(session);
        else await page(session, name, flags.at);
        return EXIT.ok;
      });
    });
}

async function table(session: Session): Promise<void> {
  const lines: Line[] = [];
  let token = '';
  let pages = 0;
  do {
    const request = ListCollectorsRequest.fromPartial({ page_size: PAGE_SIZE, page_token: token });
    const answer = await session.ask(Collectors.listCollectors, request);
    lines.push(...answer.collectors);
    token = answer.next_page_token;
    pages += 1;
  } while (token !== '' && pages < PAGES_MAX);
  session.show({ collectors: lines, total_count: lines.length }, () => {
    const view = session.view();
    return [...statusLines(lines, view), summaryLine(lines, view)];
  });
}

async function page(session: Session, name: string, since: Since | undefined): Promise<void> {
  const at = since === undefined ? {} : { at: new Date(momentOf(since, session.clock.now())) };
  const request = GetCollectorRequest.fromPartial({ name, ...at });
  const [{ collector }, cursors] = await Promise.all([
    session.ask(Collectors.getCollector, request),
    since === undefined ? cursorsOf(session, name) : [],
  ]);
  if (collector === null) return;
  session.show({ collector, cursors }, () => statusPageLines(collector, cursors, session.view()));
}

/** Beside the page they are a help, and no reason to show none of it. */
async function cursorsOf(session: Session, name: string): Promise<readonly Plain<Cursor>[]> {
  try {
    return (await session.ask(Collectors.getCursor, { name })).cursors;
  } catch (thrown) {
    if (thrown instanceof CallFailed) return [];
    throw thrown;
  }
}
