/** The bound on calls that stay open: of one connection, and in all; and the one place to end them all. */
import type { Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { STOPPING } from './gate.js';

export type StreamSlots = {
  /** Takes a slot until the answer is called; `end` is called when all are to end. */
  enter(peer: string, end: () => void): Result<() => void, Problem>;
  /** Ends all that are open; nobody enters any more. */
  close(): void;
  isClosing(): boolean;
  open(): number;
};

export function streamSlots(perConnectionMax: number, max: number): StreamSlots {
  const open = new Set<() => void>();
  const perPeer = new Map<string, number>();
  let isClosing = false;
  return {
    open: () => open.size,
    isClosing: () => isClosing,
    enter(peer, end) {
      if (isClosing) return fail(STOPPING);
      const ofPeer = perPeer.get(peer) ?? 0;
      if (ofPeer >= perConnectionMax) return full(`${String(ofPeer)} streams on this connection`);
      if (open.size >= max) return full(`${String(open.size)} streams`);
      const own = (): void => {
        end();
      };
      open.add(own);
      perPeer.set(peer, ofPeer + 1);
      return ok(() => {
        if (!open.delete(own)) return;
        const left = (perPeer.get(peer) ?? 1) - 1;
        if (left === 0) perPeer.delete(peer);
        else perPeer.set(peer, left);
      });
    },
    close() {
      isClosing = true;
      for (const end of [...open]) end();
    },
  };
}

function full(what: string): Result<never, Problem> {
  return fail({ code: 'overloaded', detail: `${what} are open already` });
}
