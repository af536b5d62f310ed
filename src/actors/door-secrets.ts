/** Keeps what opens an upstream out of everything that is kept or shown (P14): keys, tokens, what is made of them. */
import type { OutgoingRequest, ProviderProfile } from '../sources/port.js';
import type { DoorUpstream } from './door-parts.js';

export const REDACTED = '[redacted]';

/** The secrets of an upstream as they may come back: its keys and the token it has. */
export function secretsOf({ keys, tokens }: Pick<DoorUpstream, 'keys' | 'tokens'>): string[] {
  return [...Object.values(keys), ...tokens.known()].filter((secret) => secret !== '');
}

/** What was sent to prove who we are: a scheme's credentials (`Basic …` holds the keys in another guise). */
export function credentialsIn({ headers }: Pick<OutgoingRequest, 'headers'>): string[] {
  return Object.entries(headers)
    .filter(([name]) => /^(proxy-)?authorization$/i.test(name))
    .map(([, value]) => value.replace(/^\S+\s+/, '').trim())
    .filter((credentials) => credentials !== '');
}

/** Each way in which a secret may be spelt: as it is, in a URL, in a form. */
export function spellings(secrets: readonly string[]): readonly string[] {
  const all = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
  ]);
  // The longest first: what is left of one is not found by a shorter that is part of it.
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}

export function redacted(text: string, secrets: readonly string[]): string {
  return spellings(secrets).reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
}

/** Adds the parameters that hold keys, last, so that nothing a source asks for can replace them. */
export function withKeys(
  url: URL,
  profile: Pick<ProviderProfile, 'query'>,
  keys: DoorUpstream['keys'],
): URL {
  const keyed = new URL(url);
  for (const [name, value] of Object.entries(profile.query?.(keys) ?? {})) {
    keyed.searchParams.set(name, value);
  }
  return keyed;
}
