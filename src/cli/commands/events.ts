/** `headgate events`: the facts of the journal, the newest ones or as they happen. */
import type { Command } from 'commander';
import { CollectorServiceService as Collectors } from '../../gen/headgate/v1/collector_service.js';
import type { Event } from '../../gen/headgate/v1/event.js';
import {
  HistoryServiceService as History,
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
/** More at once is a page of a program, which goes by positions. */
const LAST_MAX = 10_000;

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
    const head = await headOf(session);
    for (const event of await newest(session, filter, head, flags.last ?? LAST_DEFAULT)) {
      show(event);
    }
    from = Math.max(from, head);
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
  else {
    await read(session, request(), (event) => {
      show(event);
      return true;
    });
  }
  return undefined;
}

type Filter = { readonly collector: string; readonly types: string[] };

/** Reads what there is, until `take` answers false. */
async function read(
  session: Session,
  request: ReadEventsRequest,
  take: (event: Fact) => boolean,
): Promise<void> {
  const { terminal, connection } = session;
  const ending = new AbortController();
  const listen = terminal.ended(() => {
    ending.abort();
  });
  try {
    for await (const item of connection.read(History.readEvents, request, ending.signal)) {
      const { event } = plain(item);
      if (event !== null && !take(event)) return;
    }
  } finally {
    listen();
  }
}

/** The newest position the service shows: a watch tells it when it has told all else. */
async function headOf({ connection }: Session): Promise<number> {
  const ending = new AbortController();
  const watched = connection.read(Collectors.watchCollectors, {}, ending.signal);
  let head = 0;
  for await (const { kind, position } of watched) {
    head = Math.max(head, Number(position));
    if (kind !== 'WATCH_KIND_SNAPSHOT') break;
  }
  return head;
}

/** A first look back, in facts of the whole journal, and how much farther each next one goes. */
const LOOK_BACK = 200;
const LOOK_FARTHER = 8;

/**
 * The last so many up to a position, oldest first. The journal is read forwards, so the look back grows
 * until there are enough; what is kept is never more than is wanted.
 */
async function newest(
  session: Session,
  filter: Filter,
  head: number,
  count: number,
): Promise<readonly Fact[]> {
  if (count === 0) return [];
  for (let back = Math.max(LOOK_BACK, 4 * count); ; back *= LOOK_FARTHER) {
    const after = Math.max(0, head - back);
    const kept: Fact[] = [];
    const request = ReadEventsRequest.fromPartial({ ...filter, after_position: BigInt(after) });
    await read(session, request, (event) => {
      if (event.position > head) return false;
      kept.push(event);
      if (kept.length > count) kept.shift();
      return true;
    });
    if (kept.length >= count || after === 0) return kept;
  }
}
