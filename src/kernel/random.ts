/** Chance as an argument. */
import { randomFillSync, randomUUID } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh UUID. */
  uuid(): string;
}

/** Bytes of one number: 48 bits. */
const NUMBER_BYTES = 6;
/** Numbers fetched at once: asking the system for six bytes costs fifty times as much as taking them. */
const POOL_NUMBERS = 1024;

export function systemRandom(): Random {
  const pool = Buffer.alloc(POOL_NUMBERS * NUMBER_BYTES);
  let taken = pool.length;
  return {
    next() {
      if (taken === pool.length) {
        randomFillSync(pool);
        taken = 0;
      }
      taken += NUMBER_BYTES;
      return pool.readUIntBE(taken - NUMBER_BYTES, NUMBER_BYTES) / 2 ** (8 * NUMBER_BYTES);
    },
    uuid: () => randomUUID(),
  };
}

/** Repeatable chance: mulberry32 (Tommy Ettinger, public domain). For simulation, tests and the sandbox. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (length: number): string =>
    Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join('');
  return {
    next,
    uuid: () =>
      `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[Math.floor(next() * 4)] ?? '8'}${hex(3)}-${hex(12)}`,
  };
}
