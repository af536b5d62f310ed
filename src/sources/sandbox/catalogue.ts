/** The upstreams the sandbox imitates. Adding one is a file and a line here. */
import { alphaVantage } from './alpha-vantage.js';
import { alternativeMe } from './alternative-me.js';
import { binance } from './binance.js';
import { glassnode } from './glassnode.js';
import { lunarcrush } from './lunarcrush.js';
import { moralis } from './moralis.js';
import { newsapi } from './newsapi.js';
import type { SandboxProvider } from './provider.js';
import { reddit } from './reddit.js';
import { twitter } from './twitter.js';
import { yahoo } from './yahoo.js';

export const PROVIDERS = {
  binance,
  moralis,
  glassnode,
  lunarcrush,
  twitter,
  alternative_me: alternativeMe,
  newsapi,
  reddit,
  yahoo,
  alpha_vantage: alphaVantage,
} satisfies Record<string, SandboxProvider>;
export type ProviderName = keyof typeof PROVIDERS;

// Sound: the keys of a const object are its keys.
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as readonly ProviderName[];

/** Keys the sandbox accepts, by the variable that holds the real one. */
export const SANDBOX_KEYS: Readonly<Record<string, string>> = Object.assign(
  {},
  ...Object.values(PROVIDERS).map(({ keys }) => keys),
) as Readonly<Record<string, string>>;

/** One value for each provider. */
export function byProvider<T>(make: (name: ProviderName) => T): Record<ProviderName, T> {
  const made = PROVIDER_NAMES.map((name) => [name, make(name)] as const);
  return Object.fromEntries(made) as Record<ProviderName, T>;
}
