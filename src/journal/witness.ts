/**
 * The tail witness: a small file beside the journal that follows each commit without an fsync of its
 * own, so that a journal that ends too early is named instead of served.
 *
 * W1 It is written after the commit, never before: it may be behind the journal, never truly ahead.
 * W2 Two slots are written in turn, each with its own digest: a torn write leaves the one before.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { sha256Hex } from '../kernel/canonical.js';
import type { Position, Revision, StreamId } from '../kernel/types.js';

/** The newest event the journal was seen to hold; position 0: it was empty. */
export type Sighting = {
  readonly journal: string;
  readonly position: Position;
  readonly hash: string;
  readonly stream: StreamId;
  readonly revision: Revision;
};

export type Witnessed =
  | { readonly kind: 'seen'; readonly sighting: Sighting }
  | { readonly kind: 'absent' }
  /** It is there, and neither slot can be read. */
  | { readonly kind: 'torn' };

const SLOT_BYTES = 1024;
const DIGEST_LENGTH = 16;

export function witnessPath(journalPath: string): string {
  return `${journalPath}.witness`;
}

export function readWitness(path: string): Witnessed {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'torn' };
  }
  const slots = [0, SLOT_BYTES].map((at) => sightingIn(bytes.subarray(at, at + SLOT_BYTES)));
  const readable = slots.filter((slot) => slot !== undefined);
  readable.sort((a, b) => b.position - a.position);
  const [sighting] = readable;
  return sighting === undefined ? { kind: 'torn' } : { kind: 'seen', sighting };
}

function sightingIn(slot: Buffer): Sighting | undefined {
  const [digest, text] = slot.toString('utf8').trimEnd().split('\t', 2);
  if (digest === undefined || text === undefined || digest !== digestOf(text)) return undefined;
  return JSON.parse(text) as Sighting;
}

function digestOf(text: string): string {
  return sha256Hex(text).slice(0, DIGEST_LENGTH);
}

export type Witness = {
  readonly follow: (sighting: Sighting) => void;
  /** Asks the system to write it out, off the calling thread. */
  readonly sync: () => void;
  /** Writes it out and lets go of the file; `done` is called after that. */
  readonly close: (done: () => void) => void;
};

/**
 * Opens the file to write. From now on it says `first` (both slots, so that nothing older is believed).
 */
export function openWitness(path: string, first: Sighting): Witness {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  const slot = Buffer.alloc(SLOT_BYTES);
  let turn = 0;
  const follow = (sighting: Sighting): void => {
    const text = JSON.stringify(sighting);
    slot.fill(0x20);
    slot.write(`${digestOf(text)}\t${text}`);
    slot[SLOT_BYTES - 1] = 0x0a;
    writeSync(file, slot, 0, SLOT_BYTES, (turn % 2) * SLOT_BYTES);
    turn += 1;
  };
  for (const _slot of [0, 1]) follow(first);
  let isSyncing = false;
  let onSynced: (() => void) | undefined;
  return {
    follow,
    sync() {
      if (isSyncing) return;
      isSyncing = true;
      // Its failure is no concern: the journal has an fsync of its own.
      fdatasync(file, () => {
        isSyncing = false;
        onSynced?.();
      });
    },
    close(done) {
      const finish = (): void => {
        try {
          fdatasyncSync(file);
        } finally {
          closeSync(file);
          done();
        }
      };
      // A number given back while a sync is on its way could by then be another file's.
      if (isSyncing) onSynced = finish;
      else finish();
    },
  };
}
