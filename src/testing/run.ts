/**
 * One run of a source as the service would make it, without waiting: the real transport, profile and
 * schema check, in the order of the door; no limiter, no breaker, no retry.
 */
import { setMaxListeners } from 'node:events';
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import type { EpochMs, Json, JsonObject } from '../kernel/types.js';
import type {
  Keys,
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
  Transport,
  Verdict,
} from '../sources/port.js';
import { withBaseUrl } from '../sources/profile.js';
import type { Plan, UpstreamServer } from './upstream.js';
import { replyOf, sendOver } from './wire.js';

/** A run that goes on beyond these does not end by itself. */
export const PAGES_MAX = 1000;
export const REQUESTS_MAX = 1000;
const RUN_MAX_MS = 20_000;

export type Bench = {
  readonly source: SourceDefinition;
  readonly options: JsonObject;
  readonly keys: Keys;
  readonly now: EpochMs;
  readonly server: UpstreamServer;
  readonly transport: Transport;
  readonly clock: Clock;
};

export type Asked = {
  readonly endpoint: string;
  readonly isDeclared: boolean;
  /** What the source wrote itself: path and query. */
  readonly wrote: string;
  /** What the source was told; `verdict` is the profile's word on the exchange alone. */
  readonly outcome: RequestFailure['outcome'] | 'ok';
  readonly verdict: Verdict;
  readonly failure?: RequestFailure;
};

export type Cursors = ReadonlyMap<string, Json>;

export type Run = {
  readonly pages: readonly SourcePage[];
  /** After the run. */
  readonly cursors: Cursors;
  readonly asked: readonly Asked[];
  readonly failure: RequestFailure | undefined;
  /** What it threw. */
  readonly threw: string | undefined;
  /** false: it was cut at a bound. */
  readonly hasEnded: boolean;
  /** Log lines and warnings. */
  readonly said: readonly string[];
  readonly warnings: number;
  /** Requests that began after a first one was answered as cancelled. */
  readonly afterAbort: number;
};

export type RunOptions = Plan & {
  readonly cursors?: Cursors;
  /** The process dies after so many pages; the last one's cursor is lost, unless it was just kept. */
  readonly pagesMax?: number;
  readonly keepsLast?: boolean;
  /** The service stops when this request has come. */
  readonly abortAt?: number;
};

/** Never rejects: what the source throws is in the result. */
export async function runSource(bench: Bench, options: RunOptions = {}): Promise<Run> {
  const { abortAt, pagesMax = PAGES_MAX, keepsLast = false, ...more } = options;
  const { cursors = new Map<string, Json>(), ...plan } = more;
  const abort = new AbortController();
  setMaxListeners(0, abort.signal);
  bench.server.begin({
    ...plan,
    ...(abortAt !== undefined && { silentFrom: abortAt }),
    onRequest: (index) => {
      if (index === abortAt) abort.abort();
    },
  });
  const state: State = {
    cursors: new Map(cursors),
    asked: [],
    said: [],
    warnings: 0,
    afterAbort: 0,
    isCancelled: false,
    cut: new AbortController(),
    isSlow: plan.fault?.isSlow === true,
  };
  const cancel = bench.clock.after(RUN_MAX_MS, () => {
    state.cut.abort();
  });
  const cut = new Promise<'cut'>((resolve) => {
    state.cut.signal.addEventListener('abort', () => resolve('cut'), { once: true });
  });
  const pages: SourcePage[] = [];
  let end: { readonly failure?: RequestFailure | undefined; readonly threw?: string } = {};
  let hasEnded = false;
  try {
    const collecting = bench.source.collect(contextOf(bench, state, abort.signal));
    while (pages.length < pagesMax) {
      const next = await Promise.race([collecting.next(), cut]);
      if (next === 'cut') break;
      if (next.done === true) {
        end = { failure: next.value };
        hasEnded = true;
        break;
      }
      pages.push(next.value);
      if (pages.length < pagesMax || keepsLast)
        state.cursors.set(next.value.series, copied(next.value.cursor));
    }
    if (!hasEnded && !state.cut.signal.aborted) await collecting.return(undefined);
  } catch (thrown) {
    end = { threw: messageOf(thrown) };
    hasEnded = true;
  } finally {
    cancel();
    abort.abort();
  }
  const { asked, said, warnings, afterAbort } = state;
  return {
    pages,
    cursors: state.cursors,
    asked,
    said,
    warnings,
    afterAbort,
    hasEnded,
    failure: end.failure,
    threw: end.threw,
  };
}

type State = {
  readonly cursors: Map<string, Json>;
  readonly asked: Asked[];
  readonly said: string[];
  warnings: number;
  afterAbort: number;
  isCancelled: boolean;
  /** Aborted when the source asks without end. */
  readonly cut: AbortController;
  readonly isSlow: boolean;
};

/** As the journal keeps it. What is no JSON is left to the rules. */
function copied(cursor: Json): Json {
  try {
    return JSON.parse(JSON.stringify(cursor)) as Json;
  } catch {
    return null;
  }
}

function contextOf(bench: Bench, state: State, signal: AbortSignal): SourceContext<JsonObject> {
  const { source, server, now } = bench;
  const profiles = new Map(
    Object.entries(source.upstreams).map(([name, profile]) => [
      name,
      withBaseUrl(profile, `${server.url}/${encodeURIComponent(name)}`),
    ]),
  );
  const [primary = ''] = profiles.keys();
  const tokens = new Map<string, string>();
  return {
    options: bench.options,
    cursor: (series) => state.cursors.get(series),
    now: () => now,
    signal,
    log: hearing(state.said),
    warn(message) {
      state.warnings += 1;
      state.said.push(message);
    },
    async request(endpoint, spec) {
      if (state.asked.length >= REQUESTS_MAX) {
        state.cut.abort();
        return new Promise<never>(() => undefined); // the run was given up
      }
      if (state.isCancelled) state.afterAbort += 1;
      const upstream = spec.upstream ?? primary;
      const profile = profiles.get(upstream);
      if (profile === undefined) throw new Error(`the source has no upstream ${upstream}`);
      const parts = { ...bench, signal, isSlow: state.isSlow };
      const sent = await sendOver(parts, tokens, upstream, profile, { endpoint, spec });
      const reply = replyOf(endpoint, sent, spec, upstream === primary ? undefined : upstream);
      state.asked.push({
        endpoint,
        isDeclared: Object.hasOwn(profile.weights, endpoint),
        wrote: `${spec.path} ${JSON.stringify(spec.query ?? {})}`,
        outcome: reply.ok ? 'ok' : reply.outcome,
        verdict: sent.verdict,
        ...(!reply.ok && { failure: reply }),
      });
      if (!reply.ok && reply.outcome === 'cancelled') state.isCancelled = true;
      return reply;
    },
  };
}

/** Keeps what a source logs, to be looked through for secrets. */
function hearing(said: string[]): Logger {
  const hear = (message: string, fields: object = {}): void => {
    said.push(`${message} ${JSON.stringify(fields)}`);
  };
  const logger: Logger = {
    debug: hear,
    info: hear,
    warn: hear,
    error: hear,
    child: () => logger,
  };
  return logger;
}
