/** Which addresses may be asked, and how a request's address is put together. */
import { describe, expect, it } from 'vitest';
import { addressAllowed, guardedLookup } from '../../src/sources/address.js';
import { requestUrl } from '../../src/sources/exchange.port.js';
import { binanceProfile } from '../../src/sources/profiles/binance.js';
import { moralisProfile } from '../../src/sources/profiles/moralis.js';

describe('an address', () => {
  it.each([
    '8.8.8.8',
    '52.84.150.39',
    '172.15.0.1',
    '172.32.0.1',
    '2606:4700::1111',
    '64:ff9b::808:808',
  ])('%s is public', (address) => {
    expect(addressAllowed(address, false)).toBe(true);
  });

  it.each([
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.0.0.8',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '0.0.0.0',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a00:1',
    '64:ff9b::169.254.169.254',
    '2002:a00:1::',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'localhost',
    '',
  ])('%s is refused, loopback allowed or not', (address) => {
    expect(addressAllowed(address, false)).toBe(false);
    expect(addressAllowed(address, true)).toBe(false);
  });

  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'])(
    '%s is loopback',
    (address) => {
      expect(addressAllowed(address, false)).toBe(false);
      expect(addressAllowed(address, true)).toBe(true);
    },
  );
});

it('a lookup leaves out what may not be reached and keeps the rest', async () => {
  const lookup = guardedLookup(false, ((
    _n: string,
    _o: object,
    done: (e: null, f: unknown) => void,
  ) => {
    done(null, [
      { address: '10.0.0.1', family: 4 },
      { address: '8.8.8.8', family: 4 },
    ]);
  }) as never);
  const found = await new Promise((resolve) => {
    lookup('api.example.com', { all: true }, (error, addresses) => {
      resolve([error, addresses]);
    });
  });
  expect(found).toEqual([null, [{ address: '8.8.8.8', family: 4 }]]);
  const one = await new Promise((resolve) => {
    lookup('api.example.com', {}, (error, address, family) => {
      resolve([error, address, family]);
    });
  });
  expect(one).toEqual([null, '8.8.8.8', 4]);
});

describe('a request', () => {
  it('goes below the base, with its query encoded and its empty members left out', () => {
    const url = requestUrl(moralisProfile, {
      path: '/erc20/0xab/transfers',
      query: { chain: 'a&b', limit: 1, cursor: undefined },
    });
    expect(url.href).toBe(
      'https://deep-index.moralis.io/api/v2.2/erc20/0xab/transfers?chain=a%26b&limit=1',
    );
    expect(requestUrl(binanceProfile, { path: '/api/v3/klines' }).href).toBe(
      'https://api.binance.com/api/v3/klines',
    );
    expect(requestUrl(binanceProfile, { path: '//evil.example/x?y#z' }).href).toBe(
      'https://api.binance.com//evil.example/x%3Fy%23z',
    );
  });

  it.each(['x', '/../x', '/a/..', '/a/%2e%2E/b', '/a/./b', '/a\\..\\b'])(
    'may not leave it by %j',
    (path) => {
      expect(() => requestUrl(moralisProfile, { path })).toThrow(/path must/);
    },
  );
});
