/** `headgate events`: the facts of the journal, the newest ones or as they happen. */
import type { Command } from 'commander';
import type { Event } from '../../gen/headgate/v1/event.js';
import {
  HistoryServiceService as History,
  ListEventsRequest,
  ReadEventsRequest,
} from '../../gen/headgate/v1/history_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { countGiven, several } from '../given.js';
import { plain } from '../plain.js';
import type { Plain } from '../plain.js';
import { factLine } from '../render/facts.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';

type EventsFlags = ClientFlags & {
  readonly follow?: true;
  readonly collector?: string;
  readonly after?: number;
  readonly type?: readonly string[];
  readonly last?: number;
};

type Fact = Plain<Event>;

const LAST_DEFAULT = 20;
/** One page of the service; more is for a program, which goes by positions. */
const LAST_MAX = 1000;

export function addEvents(root: Command, open: Opener): void {
  clientCommand(root, 'events', 'what happened: the newest facts of the journal', [
    'events --last 50',
    'events --follow --collector moralis',
    'events --after 12345 --type BreakerTripped --json',
  ])
    .option('--follow', 'go on with what happens, until Ctrl-C')
    .option('--collector <name>', 'only its own facts, its breakers and its limiters')
    .option('--type <fact>', 'only facts of this name; may be given several times', several)
    .option('--after <position>', 'all that came after this position', countGiven)
    .option('--last <n>', `the newest so many (default: ${String(LAST_DEFAULT)})`, countGiven)
    .action((flags: EventsFlags) => {
      const { after, last } = flags;
      if (after !== undefined && last !== undefined) {
        throw new UsageInvalid(['give either --after or --last']);
      }
      if (last !== undefined && last > LAST_MAX) {
        throw new UsageInvalid([`--last: must be at most ${String(LAST_MAX)}; see --after`]);
      }
      return open(flags, (session) => events(session, flags));
    });
}

async function events(session: Session, flags: EventsFlags): Promise<undefined> {
  let from = flags.after ?? 0;
  const show = (event: Fact): void => {
    from = Math.max(from, event.position);
    session.line(session.isJson ? JSON.stringify(event) : factLine(event, session.view()));
  };
  const filter = { collector: flags.collector ?? '', types: [...(flags.type ?? [])] };
  if (flags.after === undefined) {
    from = await newest(session, filter, flags.last ?? LAST_DEFAULT, show);
    if (flags.follow !== true) return undefined;
  }
  const request = () =>
    ReadEventsRequest.fromPartial({
      ...filter,
      after_position: BigInt(from),
      follow: flags.follow === true,
    });
  const take = ({ event }: { readonly event: Fact | null }): void => {
    if (event !== null) show(event);
  };
  if (flags.follow === true) await session.follow({ method: History.readEvents, request }, take);
  else await read(session, request(), take);
  return undefined;
}

type Filter = { readonly collector: string; readonly types: string[] };

/** All there is, to its end or until nobody reads any more. */
async function read(
  { terminal, connection }: Session,
  request: ReadEventsRequest,
  take: (item: { readonly event: Fact | null }) => void,
): Promise<void> {
  const ending = new AbortController();
  const listen = terminal.ended(() => {
    ending.abort();
  });
  try {
    for await (const item of connection.read(History.readEvents, request, ending.signal)) {
      take(plain(item));
    }
  } finally {
    listen();
  }
}

/** The last so many, oldest first; answers where to go on. Of none wanted one is asked for, unseen. */
async function newest(
  session: Session,
  filter: Filter,
  count: number,
  show: (event: Fact) => void,
): Promise<number> {
  const request = ListEventsRequest.fromPartial({ ...filter, last: Math.max(1, count) });
  const { events, next_after: end } = await session.ask(History.listEvents, request);
  if (count > 0) for (const event of events) show(event);
  return end;
}
