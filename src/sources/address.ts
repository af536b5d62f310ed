/**
 * Which addresses a request may go to: public ones, and loopback where the operator allowed it. Decided
 * on the resolved address, so that a public name cannot lead inside (server-side request forgery).
 */
import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';

/** The name resolved, but to addresses that are refused. */
export const ADDRESS_REFUSED = 'HEADGATE_ADDRESS_REFUSED';

type Range = readonly [network: string, prefix: number];

/** Networks of RFC 6890 and its successors that no public API lives in. */
const INNER_V4: readonly Range[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
const INNER_V6: readonly Range[] = [
  ['::', 128],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];
const LOOPBACK_V4: readonly Range[] = [['127.0.0.0', 8]];
const LOOPBACK_V6: readonly Range[] = [['::1', 128]];

const inner = blockList(INNER_V4, INNER_V6);
const loopback = blockList(LOOPBACK_V4, LOOPBACK_V6);

/** IPv4 inside IPv6 counts too: mapped (Node knows that itself) and behind NAT64 (64:ff9b::/96). */
function blockList(v4: readonly Range[], v6: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of v4) {
    list.addSubnet(network, prefix, 'ipv4');
    list.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6');
  }
  for (const [network, prefix] of v6) list.addSubnet(network, prefix, 'ipv6');
  return list;
}

/** Whether a request may go to this IP address. What is no address is refused. */
export function addressAllowed(address: string, allowLoopback: boolean): boolean {
  const plain = address.replace(/%.*$/, '');
  if (isIP(plain) === 0) return false;
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
  if (loopback.check(plain, family)) return allowLoopback;
  return !inner.check(plain, family);
}

/** Why this URL may not be asked, before any name is resolved; undefined: it may. */
export function urlRefused(url: URL, allowLoopback: boolean): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `only http and https are spoken, got ${url.protocol}`;
  }
  if (url.username !== '' || url.password !== '') return 'credentials in a URL are refused';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A literal address never passes through the resolver, so it is judged here.
  if (isIP(host) !== 0 && !addressAllowed(host, allowLoopback)) {
    return `the address ${host} is private or local`;
  }
  return undefined;
}

/** Resolves like the system does and leaves out what may not be reached. */
export function guardedLookup(
  allowLoopback: boolean,
  lookup: typeof resolve = resolve,
): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error !== null) {
        done(error, '', 0);
        return;
      }
      const allowed = found.filter(({ address }) => addressAllowed(address, allowLoopback));
      const [first] = allowed;
      if (first === undefined) {
        done(refusedError(hostname), '', 0);
      } else if (options.all === true) {
        done(null, allowed);
      } else {
        done(null, first.address, first.family);
      }
    });
  };
}

function refusedError(hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${hostname} leads to a private or local address`);
  error.code = ADDRESS_REFUSED;
  return error;
}
