/** The fingerprint of a folded state: recorded with each batch, compared when it is folded again. */
import { sha256Hex } from '../kernel/canonical.js';
import type { ActorState } from './kind.js';

/**
 * SHA-256 over the state's JSON, first 128 bits in hex. Contexts are built with a fixed key order, so
 * the plain JSON is already canonical; `JSON.parse` keeps that order.
 */
export function stateHash(state: ActorState<unknown>): string {
  return sha256Hex(JSON.stringify([state.value, state.context])).slice(0, 32);
}
