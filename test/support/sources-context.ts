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
  ProviderProfile,
  Transport,
  Verdict,
} from '../../src/sources/port.js';

export type Asked = {
  readonly endpoint: string;
  readonly url: URL;
  readonly priority: 'live' | 'backfill' | undefined;
};

export type World = {
  readonly transport: Transport;
  readonly baseUrl: string;
  now: EpochMs;
  key?: string;
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
      around.asked.push({ endpoint, url, priority: spec.priority });
      const exchange = await around.transport.send({
        method: 'GET',
        url,
        headers: profile.headers(keysFor(profile, around.key)),
        timeoutMs: 10_000,
        bodyBytesMax: 4 * 1024 * 1024,
        allowLoopback: true,
        signal,
      });
      const body = jsonBody(exchange);
      const verdict = profile.judge(exchange, body, around.now, endpoint);
      around.verdicts.push(verdict);
      if (verdict.outcome !== 'ok')
        return failed(endpoint, exchange, verdict.outcome, verdict.message);
      const fits = fitsSchema(spec.schema, body);
      if (!fits.ok) return failed(endpoint, exchange, 'bad_data', fits.message);
      const wrong = spec.check?.(fits.body);
      if (wrong !== undefined) return failed(endpoint, exchange, 'bad_data', wrong);
      return { ok: true, body: fits.body, status: exchange.status ?? 0 };
    },
  };
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

/** One run: the pages it yields, their cursors kept for the next run as JSON. */
export async function collectOnce<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  around: World,
): Promise<RunResult> {
  const pages: SourcePage[] = [];
  const generator = source.collect(contextOf(source, options, around));
  for (;;) {
    const step = await generator.next();
    if (step.done === true) {
      return { pages, records: pages.flatMap((page) => page.records), failure: step.value };
    }
    pages.push(step.value);
    around.cursors.set(step.value.series, JSON.parse(JSON.stringify(step.value.cursor)) as Json);
  }
}
