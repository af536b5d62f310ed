/**
 * Gathers the body of one answer, decoding it as it comes.
 *
 * B1 The cap counts decoded bytes; what is over it is never kept, and decoding stops there.
 * B2 `done` is called exactly once, after which the decoder is freed.
 * B3 While the decoder is behind, `write` says so: nothing piles up in front of it.
 */
import type { Duplex } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { messageOf } from '../kernel/errors.js';

/** Of a body that failed, this much is kept as evidence. */
export const EVIDENCE_BYTES = 4096;

/** Codings we ask for. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

export type BodyEnd =
  | { readonly kind: 'whole'; readonly body: Buffer }
  | {
      readonly kind: 'too_large' | 'damaged';
      readonly message: string;
      readonly head: Buffer;
      readonly bytes: number;
    };

export type BodyGatherer = {
  /** false: hold back until `drained`. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** Stops without an end, e.g. at a deadline: what there is so far. */
  stop(): { readonly head: Buffer; readonly bytes: number };
};

export type BodyOptions = {
  readonly contentEncoding: string | undefined;
  readonly bytesMax: number;
  readonly drained: () => void;
  readonly done: (end: BodyEnd) => void;
};

/** A gatherer for one body. An unknown coding is passed on as it came (it will not be JSON). */
export function bodyGatherer(options: BodyOptions): BodyGatherer {
  const kept: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  let decoder: Duplex | undefined;

  const finish = (end: BodyEnd): void => {
    if (ended) return;
    ended = true; // B2
    decoder?.destroy();
    options.done(end);
  };
  const head = (): Buffer => Buffer.concat(kept).subarray(0, EVIDENCE_BYTES);
  const keep = (chunk: Buffer): void => {
    if (ended) return;
    bytes += chunk.byteLength;
    if (bytes <= options.bytesMax) {
      kept.push(chunk);
      return;
    }
    const message = `the body is over ${String(options.bytesMax)} bytes`;
    finish({ kind: 'too_large', message, head: head(), bytes }); // B1
  };
  const whole = (): void => {
    finish({ kind: 'whole', body: kept.length === 1 && kept[0] ? kept[0] : Buffer.concat(kept) });
  };
  const damaged = (error: unknown): void => {
    const message = `the ${String(options.contentEncoding)} body is damaged: ${messageOf(error)}`;
    finish({ kind: 'damaged', message, head: head(), bytes });
  };
  const open = (first: Buffer): Duplex | undefined => {
    const opened = decoderOf(options.contentEncoding, first);
    opened?.on('data', keep).on('end', whole).on('error', damaged).on('drain', options.drained);
    return opened;
  };

  let begun = false;
  return {
    write(chunk) {
      if (ended) return true;
      if (!begun) {
        begun = true;
        decoder = open(chunk);
      }
      if (decoder !== undefined) return decoder.write(chunk); // B3
      keep(chunk);
      return true;
    },
    end() {
      if (decoder === undefined) whole();
      else decoder.end();
    },
    stop() {
      ended = true;
      decoder?.destroy();
      return { head: head(), bytes };
    },
  };
}

function decoderOf(coding: string | undefined, first: Buffer): Duplex | undefined {
  switch (coding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      // Some servers send the bare deflate stream without the zlib header the standard asks for.
      return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
    default:
      return undefined;
  }
}
