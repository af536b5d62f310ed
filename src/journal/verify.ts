/**
 * Walks a whole journal and names the first event that is not what was written: contiguous revisions,
 * the hash chain, JSON, and the seals. After a finding the walk goes on from what is stored, so that
 * one bad event counts once.
 */
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import { categoryOf } from '../kernel/ids.js';
import type { Position, Revision, StreamId } from '../kernel/types.js';
import { HeadsSealed } from '../gen/headgate/events/v1/service.js';
import type { ChainLink } from './chain.js';
import { CHAIN_START, breakBetween, hashedText } from './chain.js';
import { PAGE_EVENTS_MAX } from './limits.js';
import { merkleRoot } from './merkle.js';
import type { Journal, StreamHead } from './port.js';
import { JournalCorrupt } from './port.js';

export type Problem =
  | 'gap'
  | 'broken-chain'
  | 'wrong-hash'
  | 'not-json'
  | 'out-of-order'
  | 'seal-mismatch'
  | 'unreadable'
  | 'regressed';

export type Finding = {
  readonly problem: Problem;
  /** Unknown when the page that holds it cannot be read. */
  readonly stream: StreamId | undefined;
  readonly revision: Revision | undefined;
  readonly position: Position;
  readonly detail: string;
};

export type Verdict = {
  readonly ok: boolean;
  readonly events: number;
  readonly streams: number;
  readonly head: Position;
  /** Over all stream heads as walked: compare it with a seal kept elsewhere. */
  readonly merkleRoot: string;
  readonly findings: number;
  readonly first: Finding | undefined;
};

/** An event as text. `data` and `metadata` need not be what was written: that is what is checked. */
export type RawEvent = {
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly position: Position;
  readonly type: string;
  readonly data: string;
  readonly metadata: string;
  readonly hash: string;
};

/** Finds the hash of an event that the walk has already passed; undefined when it is not there. */
export type HashAt = (
  stream: StreamId,
  revision: Revision,
) => string | undefined | Promise<string | undefined>;

export type Inspector = {
  /** A seal may need to look back: then there is something to wait for. */
  readonly look: (event: RawEvent) => Promise<void> | undefined;
  readonly report: (finding: Finding) => void;
  readonly progress: () => Omit<Verdict, 'merkleRoot'>;
  readonly verdict: () => Verdict;
};

/** Keeps what a walk has seen; events are shown to it in the order of their positions. */
export function inspector(hashAt: HashAt): Inspector {
  const links = new Map<StreamId, ChainLink>();
  const seals = sealCheck(links, hashAt);
  let events = 0;
  let head: Position = 0;
  let findings = 0;
  let first: Finding | undefined;
  const report = (finding: Finding): void => {
    findings += 1;
    first ??= finding;
    // Not to count the next event of the stream as well: whatever stands before it is believed.
    const { stream, revision } = finding;
    if (stream !== undefined && revision !== undefined) links.set(stream, { revision, hash: '' });
  };
  const progress = (): Omit<Verdict, 'merkleRoot'> => ({
    ok: findings === 0,
    events,
    streams: links.size,
    head,
    findings,
    first,
  });
  return {
    report,
    look(event) {
      const { stream, revision, position } = event;
      const wrong = (problem: Problem, detail: string): void => {
        report({ problem, stream, revision, position, detail });
      };
      events += 1;
      if (position <= head) wrong('out-of-order', `it comes after position ${String(head)}`);
      head = position;
      const before = links.get(stream);
      if (before === undefined) seals.born(position);
      links.set(stream, { revision, hash: event.hash });
      const found = problemOf(event, before ?? CHAIN_START);
      if (found !== undefined) wrong(found.problem, found.detail);
      else if (event.type === 'HeadsSealed' && categoryOf(stream) === 'heads') {
        return seals.look(event).then((mismatch) => {
          if (mismatch !== undefined) wrong('seal-mismatch', mismatch);
        });
      }
      return undefined;
    },
    progress,
    verdict() {
      const heads = [...links].map(([stream, link]) => ({ stream, ...link }));
      return { ...progress(), merkleRoot: merkleRoot(heads) };
    },
  };
}

function problemOf(
  event: RawEvent,
  link: ChainLink,
): { readonly problem: Problem; readonly detail: string } | undefined {
  const { stream, revision, type } = event;
  let data: unknown;
  let metadata: { readonly prevHash?: unknown };
  try {
    data = JSON.parse(event.data);
    metadata = JSON.parse(event.metadata) as typeof metadata;
  } catch {
    return { problem: 'not-json', detail: 'data or metadata is not JSON' };
  }
  // The stored text is canonical; a store that rewrites it must still hold the same object.
  const asStored = hashedText(stream, revision, type, event.data, event.metadata);
  if (sha256Hex(asStored) !== event.hash) {
    const parsed = [canonicalJson(data), canonicalJson(metadata)] as const;
    if (sha256Hex(hashedText(stream, revision, type, ...parsed)) !== event.hash) {
      return { problem: 'wrong-hash', detail: 'the hash is not that of its content' };
    }
  }
  const prevHash = String(metadata.prevHash);
  return breakBetween(link.hash === '' ? { ...link, hash: prevHash } : link, {
    revision,
    prevHash,
  });
}

type OpenSeal = { readonly root: string; readonly heads: readonly StreamHead[] };

/** Compares what each seal says with what the walk saw. */
function sealCheck(
  links: ReadonlyMap<StreamId, ChainLink>,
  hashAt: HashAt,
): {
  readonly born: (position: Position) => void;
  readonly look: (event: RawEvent) => Promise<string | undefined>;
} {
  const open = new Map<StreamId, OpenSeal>();
  /** Positions of the streams' first events, ascending. */
  const births: Position[] = [];
  return {
    born: (position) => births.push(position),
    async look(event) {
      const seal = HeadsSealed.fromJSON(JSON.parse(event.data));
      const { position, heads, merkleRoot: root } = seal;
      for (const { stream, revision, hash } of heads) {
        const link = links.get(stream);
        const isNewest = link?.revision === revision && link.hash !== '';
        const there = isNewest ? link.hash : await hashAt(stream, revision);
        if (there === hash) continue;
        const what = there === undefined ? 'is not there' : 'has another hash';
        return `${stream}@${String(revision)}, sealed at position ${String(position)}, ${what}`;
      }
      // A seal may be spread over several facts: the root holds over all that share it.
      const before = open.get(event.stream);
      const all = before?.root === root ? [...before.heads, ...heads] : heads;
      open.set(event.stream, { root, heads: all });
      const existed = births.filter((birth) => birth <= position).length;
      if (all.length < existed || merkleRoot(all) === root) return undefined;
      return `the seal of position ${String(position)} does not have the root of its heads`;
    },
  };
}

/** Verifies a journal through its port. */
export async function verifyJournal(journal: Journal): Promise<Verdict> {
  for await (const { isWhole, verdict } of walkJournal(journal)) if (isWhole) return verdict();
  throw new Error('a walk without a signal ends with the whole journal');
}

/** How far a walk is. `verdict` costs a Merkle root over all streams: ask for it at the end. */
export type Walk = {
  readonly isWhole: boolean;
  readonly progress: () => Omit<Verdict, 'merkleRoot'>;
  readonly verdict: () => Verdict;
};

/**
 * The same a page at a time, so that whoever walks a journal that is being served decides when to go on.
 * Ends early, and not whole, when `signal` aborts.
 */
export async function* walkJournal(
  journal: Pick<Journal, 'read' | 'readAll'>,
  options: { readonly pageEvents?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Walk, void, undefined> {
  const { pageEvents = PAGE_EVENTS_MAX, signal } = options;
  const inspect = inspector(async (stream, revision) => {
    const [event] = (await journal.read(stream, revision, 1)).events;
    return event?.metadata.hash;
  });
  const { progress, verdict } = inspect;
  for (let after: Position = 0; signal?.aborted !== true;) {
    let isWhole = false;
    try {
      const page = await journal.readAll(after, {}, pageEvents);
      for (const event of page.events) {
        const { hash, ...metadata } = event.metadata;
        const texts = { data: canonicalJson(event.data), metadata: canonicalJson(metadata) };
        await inspect.look({ ...event, ...texts, hash });
      }
      after = page.next;
      isWhole = page.atEnd;
    } catch (thrown) {
      if (!(thrown instanceof JournalCorrupt) || thrown.position === undefined) throw thrown;
      const { stream, revision, position, message } = thrown;
      inspect.report({ problem: 'wrong-hash', stream, revision, position, detail: message });
      after = position;
    }
    yield { isWhole, progress, verdict };
    if (isWhole) return;
  }
}
