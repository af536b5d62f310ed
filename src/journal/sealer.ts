/**
 * Seals the journal from time to time: a `HeadsSealed` fact holds all stream heads at one position and
 * their Merkle root, so that a rewritten past shows against any seal that was kept.
 */
import { derivedId } from '../kernel/ids.js';
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import type { Cancel, Clock } from '../kernel/time.js';
import { isoTime } from '../kernel/time.js';
import type { JsonObject, Position } from '../kernel/types.js';
import { HeadsSealed } from '../gen/headgate/events/v1/service.js';
import { PAGE_EVENTS_MAX } from './limits.js';
import { merkleRoot } from './merkle.js';
import type { Journal, NewEvent, StreamHead } from './port.js';
import { NO_STREAM } from './port.js';

export type SealerOptions = {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly node: string;
  readonly log: Logger;
};

export type Seal = {
  readonly position: Position;
  readonly merkleRoot: string;
  readonly streams: number;
};

/** Heads in one fact; a journal with more streams is sealed by several facts of one position and root. */
export const HEADS_PER_FACT = 1000;

const ATTEMPTS_MAX = 3;

/**
 * All heads as they stood at the journal's end when the call began. Streams that moved while they were
 * listed are put back: the first newer event names the revision and the hash before it.
 */
export async function headsAt(
  journal: Journal,
): Promise<{ readonly position: Position; readonly heads: readonly StreamHead[] }> {
  const position = await journal.head();
  const heads = new Map<string, StreamHead>();
  for (let after: string | undefined; ;) {
    const page = await journal.streams(undefined, after, PAGE_EVENTS_MAX);
    for (const head of page) heads.set(head.stream, head);
    after = page.at(-1)?.stream;
    if (after === undefined) break;
  }
  const listedAt = await journal.head();
  const moved = new Set<string>();
  for (let from = position; from < listedAt;) {
    const page = await journal.readAll(from, {}, PAGE_EVENTS_MAX);
    for (const { stream, revision, metadata } of page.events) {
      if (moved.has(stream)) continue;
      moved.add(stream);
      if (revision === 0) heads.delete(stream);
      else heads.set(stream, { stream, revision: revision - 1, hash: metadata.prevHash });
    }
    from = page.next;
  }
  return { position, heads: [...heads.values()] };
}

/** Seals once; undefined when nothing was written since this node's last seal. */
export async function sealHeads(options: SealerOptions): Promise<Seal | undefined> {
  const { journal, node, log } = options;
  const stream = `heads-${node}`;
  for (let attempt = 1; ; attempt += 1) {
    const own = await journal.streamHead(stream);
    const { position, heads } = await headsAt(journal);
    if (await isSealed(journal, stream, own, position)) return undefined;
    const root = merkleRoot(heads);
    const facts = factsOf(options, position, heads, root);
    const results = [];
    for (const [index, fact] of facts.entries()) {
      const expected = (own?.revision ?? NO_STREAM) + index;
      results.push(await journal.append(stream, expected, [fact]));
      if (results.at(-1)?.kind === 'conflict') break;
    }
    if (results.every(({ kind }) => kind === 'appended')) {
      log.info('journal heads sealed', { position, merkleRoot: root, streams: heads.length });
      return { position, merkleRoot: root, streams: heads.length };
    }
    if (attempt >= ATTEMPTS_MAX) {
      log.warn('journal heads not sealed: another writer of the same node', { stream });
      return undefined;
    }
  }
}

/** Nothing but our own seal came since that seal. */
async function isSealed(
  journal: Journal,
  stream: string,
  own: StreamHead | undefined,
  position: Position,
): Promise<boolean> {
  if (position === 0) return true;
  if (own === undefined) return false;
  const [last] = (await journal.read(stream, own.revision, 1)).events;
  if (last === undefined) return false;
  const sealed = HeadsSealed.fromJSON(last.data).position;
  for (let from = sealed; from < position;) {
    const page = await journal.readAll(from, {}, PAGE_EVENTS_MAX);
    if (page.events.some((event) => event.stream !== stream)) return false;
    from = page.next;
  }
  return true;
}

function factsOf(
  { clock, node }: SealerOptions,
  position: Position,
  heads: readonly StreamHead[],
  root: string,
): readonly NewEvent[] {
  const atMs = clock.now();
  const commandId = derivedId('seal', node, String(position), root);
  const facts: NewEvent[] = [];
  for (let start = 0; start < heads.length; start += HEADS_PER_FACT) {
    const some = heads.slice(start, start + HEADS_PER_FACT);
    const fact = { atMs, position, heads: [...some], merkleRoot: root };
    facts.push({
      type: 'HeadsSealed',
      data: HeadsSealed.toJSON(fact) as JsonObject,
      metadata: {
        eventId: derivedId(commandId, String(facts.length)),
        commandId,
        correlationId: commandId,
        actor: 'system',
        interface: 'system',
        recordedAt: isoTime(atMs),
        schema: 1,
        epoch: 0,
        node,
      },
    });
  }
  return facts;
}

/** Seals every `everyMs`; a failure is logged and the next turn tries again. Returns what stops it. */
export function startSealer(options: SealerOptions & { readonly everyMs: number }): Cancel {
  let isStopped = false;
  let cancel: Cancel = () => undefined;
  const turn = (): void => {
    void sealHeads(options)
      .catch((thrown: unknown) => {
        if (!isStopped) options.log.warn('journal not sealed', { error: messageOf(thrown) });
      })
      .finally(() => {
        if (!isStopped) cancel = options.clock.after(options.everyMs, turn);
      });
  };
  cancel = options.clock.after(options.everyMs, turn);
  return () => {
    isStopped = true;
    cancel();
  };
}
