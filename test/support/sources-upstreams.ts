/**
 * What a source of several upstreams sees of the world, by hand: the real transport, profiles and schema
 * checks in the order of the door; each upstream may be blocked as a breaker or a limiter would.
 */
import { silentLogger } from '../../src/kernel/observe.js';
import type { CollectedRecord } from '../../src/kernel/record.js';
import type { EpochMs, Json, JsonObject } from '../../src/kernel/types.js';
import { fitsSchema, jsonBody, requestUrl, withBaseUrl } from '../../src/sources/index.js';
import type {
  Keys,
  ProviderProfile,
  RequestFailure,
  SourceDefinition,
  SourcePage,
  Transport,
  Verdict,
} from '../../src/sources/port.js';

export type Side = {
  readonly baseUrl: string;
  readonly keys?: Keys;
  /** Nothing leaves for it: what its guards say. */
  blocked?: Pick<RequestFailure, 'cause' | 'message' | 'until'> | undefined;
};

export type Sides = {
  readonly transport: Transport;
  /** By the names of the source's upstreams. */
  readonly sides: Readonly<Record<string, Side>>;
  readonly now: () => EpochMs;
  readonly cursors: Map<string, Json>;
  readonly verdicts: (Verdict & { readonly upstream: string })[];
};

export type SidesRun = {
  readonly pages: readonly SourcePage[];
  readonly records: readonly CollectedRecord[];
  readonly failure: RequestFailure | undefined;
  readonly warnings: readonly string[];
};

/** One run. `pagesMax`: the process dies after so many pages; the last one's cursor is lost. */
export async function collectSides<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  around: Sides,
  pagesMax = Infinity,
): Promise<SidesRun> {
  const warnings: string[] = [];
  const pages: SourcePage[] = [];
  const [primary = ''] = Object.keys(source.upstreams);
  const generator = source.collect({
    options,
    cursor: (series) => around.cursors.get(series),
    now: around.now,
    signal: new AbortController().signal,
    log: silentLogger,
    warn(message) {
      warnings.push(message);
    },
    async request(endpoint, spec) {
      const upstream = spec.upstream ?? primary;
      const { side, profile } = sideOf(source.upstreams, around, upstream);
      const fail = (rest: Partial<RequestFailure>): RequestFailure => {
        return { ok: false, outcome: 'blocked', message: '', endpoint, status: 0, ...rest };
      };
      if (side.blocked !== undefined) return fail({ outcome: 'blocked', ...side.blocked });
      const missing = (profile.keys ?? []).filter((name) => side.keys?.[name] === undefined);
      if (missing.length > 0)
        return fail({ cause: 'key', message: `set ${missing.join(' and ')}` });
      const { exchange, body, verdict } = await ask(around, profile, side, endpoint, spec);
      around.verdicts.push({ ...verdict, upstream });
      const status = exchange.status ?? 0;
      const { outcome, message, retryAt } = verdict;
      const until = retryAt === undefined ? {} : { until: retryAt };
      if (outcome !== 'ok') return fail({ outcome, message, status, ...until });
      const fits = fitsSchema(spec.schema, body);
      const wrong = fits.ok ? spec.check?.(fits.body) : fits.message;
      if (wrong !== undefined) return fail({ outcome: 'bad_data', message: wrong, status });
      return { ok: true, body, status };
    },
  });
  const result = (failure: RequestFailure | undefined): SidesRun => {
    return { pages, records: pages.flatMap((page) => page.records), failure, warnings };
  };
  for (;;) {
    const step = await generator.next();
    if (step.done === true) return result(step.value);
    pages.push(step.value);
    if (pages.length >= pagesMax) return result(undefined);
    around.cursors.set(step.value.series, JSON.parse(JSON.stringify(step.value.cursor)) as Json);
  }
}

function sideOf(
  upstreams: Readonly<Record<string, ProviderProfile>>,
  around: Sides,
  name: string,
): { readonly side: Side; readonly profile: ProviderProfile } {
  const side = around.sides[name];
  const profile = upstreams[name];
  if (side === undefined || profile === undefined) throw new Error(`no upstream ${name}`);
  return { side, profile: withBaseUrl(profile, side.baseUrl) };
}

async function ask(
  around: Sides,
  profile: ProviderProfile,
  { keys = {} }: Side,
  endpoint: string,
  spec: Parameters<typeof requestUrl>[1],
) {
  if (!Object.hasOwn(profile.weights, endpoint)) throw new Error(`no weight for ${endpoint}`);
  const query = { ...spec.query, ...profile.query?.(keys) };
  const exchange = await around.transport.send({
    method: 'GET',
    url: requestUrl(profile, { ...spec, query }),
    headers: profile.headers(keys),
    timeoutMs: 10_000,
    bodyBytesMax: 4 * 1024 * 1024,
    allowLoopback: true,
    signal: new AbortController().signal,
  });
  const body = jsonBody(exchange);
  return { exchange, body, verdict: profile.judge(exchange, body, around.now(), endpoint) };
}
