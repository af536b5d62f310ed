/** One request of a source over the real transport, judged: keys, query and token as the door adds them. */
import type { EpochMs, Json } from '../kernel/types.js';
import { fitsSchema, jsonBody, requestUrl } from '../sources/exchange.port.js';
import type {
  Exchange,
  Keys,
  OutgoingRequest,
  ProviderProfile,
  Reply,
  RequestFailure,
  RequestSpec,
  SourceContext,
  TokenProfile,
  Transport,
  Verdict,
} from '../sources/port.js';
import { BODY_BYTES_MAX } from './faults.js';

const TIMEOUT_MS = 10_000;
/** A body that never ends is waited for so long. */
const SLOW_TIMEOUT_MS = 150;

export type WireParts = {
  readonly transport: Transport;
  readonly keys: Keys;
  readonly now: EpochMs;
  readonly signal: AbortSignal;
  readonly isSlow: boolean;
};

export type Sent = {
  readonly exchange: Exchange;
  readonly body: Json | undefined;
  readonly verdict: Verdict;
};

type Call = Pick<OutgoingRequest, 'method' | 'url' | 'headers' | 'body'>;

/** `tokens`: those held for this run, by upstream. */
export async function sendOver(
  parts: WireParts,
  tokens: Map<string, string>,
  upstream: string,
  profile: ProviderProfile,
  asked: { readonly endpoint: string; readonly spec: RequestSpec },
): Promise<Sent> {
  const { token } = profile;
  for (let isSecond = false; ; isSecond = true) {
    const hasFresh = token !== undefined && !tokens.has(upstream);
    if (hasFresh) {
      const granted = await tokenFor(parts, profile, token);
      if (typeof granted !== 'string') return granted;
      tokens.set(upstream, granted);
    }
    const sent = await exchanged(parts, profile, asked.endpoint, {
      method: 'GET',
      ...addressed(parts, profile, asked.spec, tokens.get(upstream)),
    });
    // A token may have run out: one new one is tried, as the door does.
    if (sent.verdict.outcome !== 'auth' || token === undefined || hasFresh || isSecond) return sent;
    tokens.delete(upstream);
  }
}

function addressed(
  { keys }: WireParts,
  profile: ProviderProfile,
  spec: RequestSpec,
  token: string | undefined,
): Pick<Call, 'url' | 'headers'> {
  const url = requestUrl(profile, spec);
  for (const [name, value] of Object.entries(profile.query?.(keys) ?? {}))
    url.searchParams.set(name, value);
  return { url, headers: profile.headers(keys, token) };
}

async function tokenFor(
  parts: WireParts,
  profile: ProviderProfile,
  { endpoint, baseUrl, ...token }: TokenProfile,
): Promise<string | Sent> {
  const { path, headers, body } = token.request(parts.keys);
  const url = requestUrl({ baseUrl }, { path });
  const sent = await exchanged(parts, profile, endpoint, { method: 'POST', url, headers, body });
  if (sent.verdict.outcome !== 'ok') return sent;
  const granted = sent.body === undefined ? undefined : token.read(sent.body);
  if (granted !== undefined) return granted.token;
  const message = 'the answer holds no token';
  return { ...sent, verdict: { ...sent.verdict, outcome: 'bad_data', message } };
}

async function exchanged(
  { transport, now, signal, isSlow }: WireParts,
  profile: ProviderProfile,
  endpoint: string,
  call: Call,
): Promise<Sent> {
  const exchange = await transport.send({
    ...call,
    timeoutMs: isSlow ? SLOW_TIMEOUT_MS : TIMEOUT_MS,
    bodyBytesMax: BODY_BYTES_MAX,
    allowLoopback: true,
    signal,
  });
  const body = jsonBody(exchange);
  return { exchange, body, verdict: profile.judge(exchange, body, now, endpoint) };
}

type Spec = Parameters<SourceContext<unknown>['request']>[1];

/** What the source gets of it. `further`: the upstream's name, unless it is the primary. */
export function replyOf(
  endpoint: string,
  { exchange, body, verdict }: Sent,
  { schema, check }: Pick<Spec, 'schema' | 'check'>,
  further: string | undefined,
): Reply<unknown> {
  const status = exchange.status ?? 0;
  const failed = (outcome: RequestFailure['outcome'], message: string): RequestFailure => ({
    ok: false,
    outcome,
    message,
    endpoint,
    status,
    ...(further !== undefined && { upstream: further }),
    ...(verdict.retryAt !== undefined && { until: verdict.retryAt }),
  });
  if (verdict.outcome !== 'ok') return failed(verdict.outcome, verdict.message);
  const fits = fitsSchema(schema, body);
  if (!fits.ok) return failed('bad_data', fits.message);
  const wrong = check?.(fits.body);
  return wrong === undefined ? { ok: true, body: fits.body, status } : failed('bad_data', wrong);
}
