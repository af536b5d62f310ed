/** An answer as headers and bytes: the same over a wire and in process. */
import type { EpochMs } from '../../kernel/types.js';
import type { Answer } from './provider.js';

export type Rendered = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

export type Letterhead = {
  /** For the Date header. */
  readonly at: EpochMs;
  /** Content type of the provider's JSON. */
  readonly jsonType: string;
};

export function rendered(answer: Answer, { at, jsonType }: Letterhead): Rendered {
  const headers = { date: new Date(at).toUTCString(), ...answer.headers };
  const { body } = answer;
  switch (body.kind) {
    case 'empty':
      return { headers, body: Buffer.alloc(0) };
    case 'json':
      return {
        headers: { 'content-type': jsonType, ...headers },
        body: Buffer.from(JSON.stringify(body.value), 'utf8'),
      };
    case 'text':
      return {
        headers: { 'content-type': body.contentType, ...headers },
        body: Buffer.from(body.text, 'utf8'),
      };
    case 'bytes':
      return { headers: { 'content-type': body.contentType, ...headers }, body: body.bytes };
  }
}

/** What is sent of a body that breaks off in the middle; at least one byte, so that it has begun. */
export function firstHalf(body: Buffer): Buffer {
  if (body.length === 0) return Buffer.from(' ');
  return body.subarray(0, Math.max(1, Math.floor(body.length / 2)));
}
