/**
 * Several messages of a stream as one write: the library makes a write of each, which costs more than all
 * else of sending a small one.
 *
 * 1. What leaves is what the library would have sent: each message behind its own head, in order.
 * 2. A batch of one goes the library's usual way.
 */

/** Not compressed, its length: as the library writes it before each message. */
const HEAD_BYTES = 5;

/** A message with its head. */
export type Frame = Buffer;

/** Bytes for the library's `serialize`. */
export type Batch = Buffer & { readonly messages: number };

export function frameOf(message: Uint8Array): Frame {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Of one frame at least. */
export function batchOf(frames: readonly Frame[]): Batch {
  const whole = frames.length === 1 ? undefined : Buffer.concat(frames);
  const body = (whole ?? frames[0] ?? frameOf(NOTHING)).subarray(HEAD_BYTES);
  if (whole === undefined) return Object.assign(body, { messages: 1 });
  // The library allocates a head and the body, writes a head for the body as if it were one message, and
  // copies the body behind it. We copy over that head.
  const copy = (target: Buffer, at: number): number => whole.copy(target, at - HEAD_BYTES);
  return Object.assign(body, { messages: frames.length, copy });
}

const NOTHING = new Uint8Array();

/** How many messages the library was handed as one. */
export function messagesIn(message: unknown): number {
  return message instanceof Buffer && 'messages' in message ? Number(message.messages) : 1;
}
