import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedId, eventIdOf, uuidV5 } from '../../src/kernel/ids.js';

/** RFC 9562, appendix A.4: the namespace of DNS names. */
const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

describe('derived ids', () => {
  it('are those of RFC 9562', () => {
    expect(uuidV5(DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it('are for ever those that are in journals already', () => {
    expect(eventIdOf('e7d211c2-1235-4ffd-bef0-7ff4e45cda66', 'collector-c00001', 0)).toBe(
      '42738439-6ce1-5e07-9eb0-cbf05cbf6896',
    );
    expect(derivedId('ä', '漢')).toBe('7cc52f2c-54f3-5500-86d0-18c3b9529a5d');
  });

  it('are SHA-1 over namespace and name, with version and variant set', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.string({ unit: 'binary', maxLength: 80 }), (namespace, name) => {
        const space = Buffer.from(namespace.replaceAll('-', ''), 'hex');
        const digest = createHash('sha1').update(space).update(name, 'utf8').digest();
        digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
        digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
        expect(uuidV5(namespace, name).replaceAll('-', '')).toBe(digest.toString('hex', 0, 16));
      }),
    );
  });

  it('have the form of a UUID', () => {
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    fc.assert(fc.property(fc.string(), (name) => form.test(uuidV5(DNS, name))));
  });
});
