/**
 * Chance that depends on what is asked and not on when: the same words give the same number, so that
 * the same bar or transfer asked twice is identical and nothing has to be remembered.
 */

/** MurmurHash3 (Austin Appleby, public domain) over 32-bit words. */
function stir(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const mixed = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** An unsigned 32-bit number that stands for these words. */
export function hash32(seed: number, a: number, b = 0, c = 0): number {
  let hash = stir(stir(stir(seed | 0, a), b), c);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The same as a fraction in [0, 1). */
export function unit(seed: number, a: number, b = 0, c = 0): number {
  return hash32(seed, a, b, c) / 2 ** 32;
}

/** FNV-1a: an unsigned 32-bit number that stands for a text. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** One entry of a table, chosen by the words. `fallback` is for an empty table only. */
export function pick(table: readonly number[], hash: number, fallback = 0): number {
  return table[hash % Math.max(1, table.length)] ?? fallback;
}
