import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf, frameOf, messagesIn } from '../../src/gateway/grpc/frames.js';

/** As the library sends what `serialize` made (grpc-js 1.14, BaseServerInterceptingCall). */
function sent(body: Buffer): Buffer {
  const output = Buffer.allocUnsafe(body.byteLength + 5);
  output.writeUInt8(0, 0);
  output.writeUInt32BE(body.byteLength, 1);
  body.copy(output, 5);
  return output;
}

/** The messages in bytes, as a client reads them. */
function read(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes.readUInt8(at)).toBe(0);
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 });

describe('a batch', () => {
  it('is read as the messages it was made of, in order and each whole', () => {
    fc.assert(
      fc.property(messages, (all) => {
        const told = read(sent(batchOf(all.map(frameOf))));
        expect(told.map((each) => [...each])).toEqual(all.map((each) => [...each]));
      }),
    );
  });

  it('tells how many they are, and any other message is one', () => {
    fc.assert(
      fc.property(messages, (all) => {
        expect(messagesIn(batchOf(all.map(frameOf)))).toBe(all.length);
      }),
    );
    expect([messagesIn(Buffer.from('x')), messagesIn({ messages: 3 })]).toEqual([1, 1]);
  });

  it('leaves the frames as they were: they are shared by all who get them', () => {
    const frame = frameOf(Buffer.from('abc'));
    const before = Buffer.from(frame);
    sent(batchOf([frame]));
    sent(batchOf([frame, frame]));
    expect(frame.equals(before)).toBe(true);
    expect(messagesIn(frame)).toBe(1);
  });
});
