/**
 * What a source sees of the world, by hand: no limiter, no breaker, but the real transport, the real
 * profile and the real schema check, in the order of the door.
 */
import { silentLogger } from '../../src/kernel/observe.js';
import type { CollectedRecord } from '../../src/kernel/record.js';
import type { EpochMs, Json, JsonObject } from '../../src/kernel/types.js';
import { fitsSchema, jsonBody, requestUrl, withBaseUrl } from '../../src/sources/index.js';
import type {
  Exchange,
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
  Keys,
  OutgoingRequest,
  ProviderProfile,
  Transport,
  Units,
  Verdict,
} from '../../src/sources/port.js';

export type Asked = {
  readonly endpoint: string;
  readonly url: URL;
  readonly priority: 'live' | 'backfill' | undefined;
  readonly units?: Units | undefined;
};

export type World = {
  readonly transport: Transport;
  readonly baseUrl: string;
  now: EpochMs;
  key?: string;
  /** The short-lived one, where the upstream gives such. */
  token?: string | undefined;
  readonly warnings: string[];
  readonly cursors: Map<string, Json>;
  readonly asked: Asked[];
  readonly verdicts: Verdict[];
};

export function world(transport: Transport, baseUrl: string, now: EpochMs): World {
  return { transport, baseUrl, now, cursors: new Map(), asked: [], verdicts: [], warnings: [] };
}

export function contextOf<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  around: World,
): SourceContext<O> {
  const [primary] = Object.values(source.upstreams);
  if (primary === undefined) throw new Error('a source without upstream');
  const profile = withBaseUrl(primary, around.baseUrl);
  const signal = new AbortController().signal;
  return {
    options,
    cursor: (series) => around.cursors.get(series),
    now: () => around.now,
    signal,
    log: silentLogger,
    warn(message) {
      around.warnings.push(message);
    },
    async request(endpoint, spec) {
      if (!Object.hasOwn(profile.weights, endpoint)) throw new Error(`no weight for ${endpoint}`);
      const url = requestUrl(profile, spec);
      around.asked.push({ endpoint, url, priority: spec.priority, units: spec.units });
      let answer = await withToken(profile, around, endpoint, url, signal);
      if (answer.verdict.outcome === 'auth' && around.token !== undefined) {
        // One refresh: a token may be taken back before its time.
        around.token = undefined;
        answer = await withToken(profile, around, endpoint, url, signal);
      }
      const { body, exchange, verdict } = answer;
      if (verdict.outcome !== 'ok')
        return failed(answer.endpoint, exchange, verdict.outcome, verdict.message);
      if (verdict.warning !== undefined) around.warnings.push(verdict.warning);
      const fits = fitsSchema(spec.schema, body);
      if (!fits.ok) return failed(endpoint, exchange, 'bad_data', fits.message);
      const wrong = spec.check?.(fits.body);
      if (wrong !== undefined) return failed(endpoint, exchange, 'bad_data', wrong);
      return { ok: true, body: fits.body, status: exchange.status ?? 0 };
    },
  };
}

type Judged = {
  readonly endpoint: string;
  readonly exchange: Exchange;
  readonly body: Json | undefined;
  readonly verdict: Verdict;
};

/** Gets a token where one is needed and none is there, then asks. The token call fails for both. */
async function withToken(
  profile: ProviderProfile,
  around: World,
  endpoint: string,
  url: URL,
  signal: AbortSignal,
): Promise<Judged> {
  const keys = keysFor(profile, around.key);
  const { token } = profile;
  if (token !== undefined && around.token === undefined) {
    const { path, headers, body } = token.request(keys);
    const outgoing = { method: 'POST', url: requestUrl(token, { path }), headers, body } as const;
    const got = await judged(profile, around, token.endpoint, outgoing, signal);
    if (got.verdict.outcome !== 'ok') return got;
    around.token = token.read(got.body ?? null)?.token;
    if (around.token === undefined) {
      const message = 'the answer holds no token';
      return { ...got, verdict: { ...got.verdict, outcome: 'bad_data', message } };
    }
  }
  const headers = profile.headers(keys, around.token);
  return judged(profile, around, endpoint, { method: 'GET', url, headers }, signal);
}

async function judged(
  profile: ProviderProfile,
  around: World,
  endpoint: string,
  request: Pick<OutgoingRequest, 'method' | 'url' | 'headers' | 'body'>,
  signal: AbortSignal,
): Promise<Judged> {
  const exchange = await around.transport.send({
    ...request,
    timeoutMs: 10_000,
    bodyBytesMax: 4 * 1024 * 1024,
    allowLoopback: true,
    signal,
  });
  const body = jsonBody(exchange);
  const verdict = profile.judge(exchange, body, around.now, endpoint);
  around.verdicts.push(verdict);
  return { endpoint, exchange, body, verdict };
}

/** The one key of this world is every secret the upstream asks for. */
function keysFor({ keys = [] }: ProviderProfile, key: string | undefined): Keys {
  return key === undefined ? {} : Object.fromEntries(keys.map((name) => [name, key]));
}

function failed(
  endpoint: string,
  exchange: Exchange,
  outcome: RequestFailure['outcome'],
  message: string,
): RequestFailure {
  return { ok: false, outcome, message, endpoint, status: exchange.status ?? 0 };
}

export type RunResult = {
  readonly pages: readonly SourcePage[];
  readonly records: readonly CollectedRecord[];
  readonly failure: RequestFailure | undefined;
};

/**
 * One run: the pages it yields, their cursors kept for the next run as JSON. With `pagesMax` the process
 * dies after so many pages: the records of the last are there, its cursor is not.
 */
export async function collectOnce<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  around: World,
  pagesMax = Infinity,
): Promise<RunResult> {
  const pages: SourcePage[] = [];
  const result = (failure: RequestFailure | undefined): RunResult => {
    return { pages, records: pages.flatMap((page) => page.records), failure };
  };
  const generator = source.collect(contextOf(source, options, around));
  for (;;) {
    const step = await generator.next();
    if (step.done === true) return result(step.value);
    pages.push(step.value);
    if (pages.length >= pagesMax) return result(undefined);
    around.cursors.set(step.value.series, JSON.parse(JSON.stringify(step.value.cursor)) as Json);
  }
}
