/** Where a redirect may lead: nowhere, but to the same origin where the profile allows it. */
import type { Exchange } from '../sources/port.js';
import type { Call, DoorUpstream } from './door-parts.js';
import { withKeys } from './door-secrets.js';

/** Hops of one request; one more is refused. */
export const REDIRECTS_MAX = 3;

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export type Hop =
  | { readonly kind: 'to'; readonly to: URL }
  /** It is not followed; the message names no address, for that is the upstream's text. */
  | { readonly kind: 'refused'; readonly message: string };

/**
 * What a redirect means to a call; undefined: it is none, or none are followed. `visited`: the addresses
 * asked so far, this one included. A hop keeps origin and scheme, so credentials never cross either.
 */
export function nextHop(
  { profile, keys }: Pick<DoorUpstream, 'profile' | 'keys'>,
  { message: { method, url } }: Call,
  visited: readonly string[],
  exchange: Exchange,
): Hop | undefined {
  const { redirects, provider } = profile;
  if (redirects !== 'same-origin' || exchange.kind !== 'answered') return undefined;
  if (!REDIRECTS.includes(exchange.status)) return undefined;
  const refused = (why: string): Hop => ({
    kind: 'refused',
    message: `${provider} answered ${String(exchange.status)}: ${why}`,
  });
  if (method !== 'GET') return refused('only a GET is redirected');
  const to = locationOf(exchange.headers['location'], url);
  if (to === undefined) return refused('a redirect without an address');
  if (to.protocol !== 'http:' && to.protocol !== 'https:') {
    return refused('a redirect to something else than http or https is refused');
  }
  if (to.origin !== url.origin) return refused('a redirect to another origin is refused');
  if (to.username !== '' || to.password !== '') {
    return refused('a redirect with credentials in its address is refused');
  }
  const next = withKeys(to, profile, keys);
  if (visited.includes(next.href)) return refused('the redirects go round in a circle');
  if (visited.length > REDIRECTS_MAX) return refused(`over ${String(REDIRECTS_MAX)} redirects`);
  return { kind: 'to', to: next };
}

/** Without its fragment, which is not sent. */
function locationOf(location: string | undefined, from: URL): URL | undefined {
  if (location === undefined || location === '') return undefined;
  try {
    const to = new URL(location, from);
    to.hash = '';
    return to;
  } catch {
    return undefined;
  }
}
