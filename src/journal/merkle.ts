/**
 * The Merkle root over all stream heads, as RFC 6962 §2.1 builds it: leaves in the order of the
 * streams' names (UTF-16 code units), leaf = SHA-256(0x00 ‖ canonical JSON of {hash, revision, stream}),
 * node = SHA-256(0x01 ‖ left ‖ right), split at the largest power of two below the number of leaves;
 * the root of nothing is SHA-256 of nothing.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical.js';
import type { StreamHead } from './port.js';

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Lower-case hex. The order in which the heads are given does not matter. */
export function merkleRoot(heads: readonly StreamHead[]): string {
  const leaves = [...heads]
    .sort((a, b) => (a.stream < b.stream ? -1 : 1))
    .map(({ stream, revision, hash }) =>
      sha256(LEAF, Buffer.from(canonicalJson({ stream, revision, hash }))),
    );
  return rootOf(leaves).toString('hex');
}

function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(NODE, rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}
