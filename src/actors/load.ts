/** Brings an actor's state back: the newest snapshot that can be believed, and the tail of its stream. */
import { HeadgateError, messageOf } from '../kernel/errors.js';
import type { EpochMs, JsonObject, Revision, StreamId } from '../kernel/types.js';
import {
  JournalCorrupt,
  NO_STREAM,
  type Snapshot,
  type StoredEvent,
  type StreamPage,
} from '../journal/port.js';
import type { Folder } from './fold.js';
import type { HostServices } from './services.js';
import type { ActorKind, ActorState, AnyFact } from './kind.js';
import { stateHash } from './state-hash.js';

/** What an actor holds while it is in memory. */
export type Resident<C> = {
  state: ActorState<C>;
  revision: Revision;
  /** Of the last event that a principal's command wrote; NO_STREAM: none did. */
  commandRevision: Revision;
  /** Moment of the last fact: later ones are never earlier (A7). */
  lastAt: EpochMs;
  snapshotRevision: Revision;
};

/** The stream cannot be folded (A6): a broken chain, an unknown fact, a fact without an arrow. */
export class ActorCorrupt extends HeadgateError {
  readonly code = 'actor_corrupt';
  readonly retryable = false;
}

/**
 * Folds a stream.
 * @throws {ActorCorrupt} what is stored cannot be folded: quarantine it.
 * @throws {HeadgateError} the journal cannot be read now.
 */
export async function loadActor<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  folder: Folder<C, F>,
  stream: StreamId,
  services: HostServices,
): Promise<Resident<C>> {
  const resident: Resident<C> = (await believableSnapshot(kind, folder, stream, services)) ?? {
    state: folder.initial(),
    revision: NO_STREAM,
    commandRevision: NO_STREAM,
    lastAt: 0,
    snapshotRevision: NO_STREAM,
  };
  for (;;) {
    const page = await readVerified(stream, resident.revision + 1, services);
    for (const event of page.events) foldEvent(kind, folder, resident, event, services);
    checkStateHash(kind, resident, page.events.at(-1));
    services.statistics.replayed += page.events.length;
    if (page.atEnd) return resident;
  }
}

/** The journal checks hashes, revisions and links as it reads; what it names is corruption to us. */
async function readVerified(
  stream: StreamId,
  from: Revision,
  services: HostServices,
): Promise<StreamPage> {
  try {
    return await services.journal.read(stream, from, services.limits.pageSize);
  } catch (thrown) {
    if (!(thrown instanceof JournalCorrupt)) throw thrown;
    throw new ActorCorrupt(thrown.message, { cause: thrown });
  }
}

function foldEvent<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  folder: Folder<C, F>,
  resident: Resident<C>,
  event: StoredEvent,
  services: HostServices,
): void {
  const where = `${event.stream}@${String(event.revision)}`;
  if (event.metadata.epoch > services.epoch) {
    throw new ActorCorrupt(
      `${where} was written by epoch ${String(event.metadata.epoch)}, we are ${String(services.epoch)}`,
    );
  }
  const fact = decoded(kind, event, where);
  const state = folder.apply(resident.state, fact);
  if (state === undefined) {
    const value = JSON.stringify(resident.state.value);
    throw new ActorCorrupt(`${where}: no arrow for ${event.type} in state ${value}`);
  }
  resident.state = state;
  resident.revision = event.revision;
  if (isPrincipals(event.metadata)) resident.commandRevision = event.revision;
  resident.lastAt = Math.max(resident.lastAt, fact.atMs);
}

function decoded<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  event: StoredEvent,
  where: string,
): F {
  try {
    return kind.codec.decode(event.type, event.metadata.schema, event.data);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new ActorCorrupt(`${where}: ${detail}`, { cause });
  }
}

/** The last event of a batch carries the hash of the state after it; compared when the fold is the same. */
function checkStateHash<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  resident: Resident<C>,
  last: StoredEvent | undefined,
): void {
  const recorded = last?.metadata.stateHash;
  if (recorded === undefined || last?.metadata.foldVersion !== kind.foldVersion) return;
  if (recorded === stateHash(resident.state)) return;
  const where = `${last.stream}@${String(last.revision)}`;
  throw new ActorCorrupt(`${where}: the state folded is not the state that was recorded`);
}

/** A9: a snapshot is believed when its own hash, its fold and the event it stands on all agree. */
async function believableSnapshot<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  folder: Folder<C, F>,
  stream: StreamId,
  services: HostServices,
): Promise<Resident<C> | undefined> {
  for (const snapshot of await services.snapshots.load(stream)) {
    const resident = await fromSnapshot(kind, folder, snapshot, services);
    if (resident !== undefined) return resident;
    services.statistics.snapshotsIgnored += 1;
    services.log.warn('snapshot ignored', { stream, revision: snapshot.revision });
  }
  return undefined;
}

async function fromSnapshot<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  folder: Folder<C, F>,
  snapshot: Snapshot,
  services: HostServices,
): Promise<Resident<C> | undefined> {
  if (snapshot.foldVersion !== kind.foldVersion) return undefined;
  const event = await eventAt(snapshot, services);
  if (event?.revision !== snapshot.revision || event.metadata.hash !== snapshot.eventHash)
    return undefined;
  const stored = snapshot.state as unknown as SnapshotState;
  const { commandRevision } = stored;
  // Saved before it was counted: one replay finds it.
  if (commandRevision === undefined || !(commandRevision <= snapshot.revision)) return undefined;
  const state = folder.resolve(stored.state);
  if (state === undefined || stateHash(state) !== snapshot.stateHash) return undefined;
  return {
    state,
    revision: snapshot.revision,
    commandRevision,
    lastAt: stored.lastAt,
    snapshotRevision: snapshot.revision,
  };
}

/** Undefined also when the event is damaged: then the replay will name it. */
async function eventAt(
  { stream, revision }: Snapshot,
  { journal }: HostServices,
): Promise<StoredEvent | undefined> {
  try {
    return (await journal.read(stream, revision, 1)).events[0];
  } catch (thrown) {
    if (thrown instanceof JournalCorrupt) return undefined;
    throw thrown;
  }
}

type SnapshotState = {
  readonly state: JsonObject;
  readonly lastAt: EpochMs;
  readonly commandRevision?: Revision;
};

/** Whether a command from outside wrote it: what the program does on its own moves no command revision. */
export function isPrincipals({ interface: door }: { readonly interface: string }): boolean {
  return door !== 'system';
}

/** Best effort: what cannot be saved is replayed another time. */
export async function saveSnapshot<C>(
  stream: StreamId,
  foldVersion: number,
  resident: Resident<C>,
  services: HostServices,
): Promise<void> {
  const { state, lastAt, revision, commandRevision } = resident;
  if (revision === resident.snapshotRevision) return;
  resident.snapshotRevision = revision;
  try {
    const page = await services.journal.read(stream, revision, 1);
    const event = page.events[0];
    if (event?.revision !== revision) return;
    await services.snapshots.save({
      stream,
      revision,
      eventHash: event.metadata.hash,
      foldVersion,
      stateHash: stateHash(state),
      state: {
        state: { value: state.value, context: state.context },
        lastAt,
        commandRevision,
      } as unknown as JsonObject,
    });
    services.statistics.snapshotsSaved += 1;
  } catch (cause) {
    services.statistics.snapshotsFailed += 1;
    services.log.warn('snapshot not saved', { stream, revision, error: messageOf(cause) });
  }
}
