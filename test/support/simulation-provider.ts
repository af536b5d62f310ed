/** What one simulated provider is to the wire that asks it. */
export type ProviderName = 'binance' | 'moralis';

/** What an upstream says to one request. */
export type Said = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** It says stop: for so long by its own word; 0: it does not say how long. */
  readonly pauseMs?: number;
  /** It says so by an HTTP-date, so long after its own now. */
  readonly dateAfterMs?: number;
};

export type Provider = {
  /** Counts a request, whatever is answered. */
  arrive(url: URL): Said;
  ban(ms: number): void;
  /** Others use the same account. */
  crowd(units: number): void;
  weight(url: URL): number;
  seen(): { readonly window: number; readonly used: number; readonly limit: number };
};
