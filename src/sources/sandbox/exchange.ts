/**
 * One request to a fake upstream, from its arrival to the last byte.
 *
 * The order matters: see whether it was forbidden (standing), count it (ledger), draw the faults,
 * charge its weight (admission), wait, answer. Weight is charged whatever a fault does to the answer
 * afterwards, as it is upstream.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../kernel/observe.js';
import { wait, type Clock } from '../../kernel/time.js';
import type { EpochMs, JsonObject, MonotonicMs } from '../../kernel/types.js';
import { deliver, type Wire } from './deliver.js';
import { underFault, type Faulted } from './fault-answers.js';
import type { Draw, FaultDeck } from './fault-deck.js';
import { queryForLog, type Ledger, type OpenEntry } from './ledger.js';
import {
  empty,
  type Admission,
  type Answer,
  type ProviderState,
  type Route,
  type SandboxProvider,
  type SandboxRequest,
} from './provider.js';
import type { StandingOrders } from './standing.js';

/** A provider as the sandbox runs it. */
export type Mounted = {
  readonly provider: SandboxProvider;
  state: ProviderState;
  settings: JsonObject;
  orders: StandingOrders;
  deck: FaultDeck;
};

export type ExchangeContext = {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly log: Logger;
  /** Aborts when the sandbox closes. */
  readonly closing: AbortSignal;
};

type Arrived = {
  readonly mounted: Mounted;
  readonly request: SandboxRequest;
  readonly route: Route;
  readonly admission: Admission;
  readonly draw: Draw;
  readonly entry: OpenEntry;
};

const headerOf = (incoming: IncomingMessage, name: string): string | null => {
  const value = incoming.headers[name];
  return typeof value === 'string' ? value.slice(0, 128) : null;
};

/** Steps that happen in one go, so that two requests are never half counted. */
function arrive(
  incoming: IncomingMessage,
  url: URL,
  mounted: Mounted,
  body: string,
  context: ExchangeContext,
): Arrived {
  const at = context.clock.now();
  const monotonic = context.clock.monotonic();
  const { provider } = mounted;
  const path = url.pathname.slice(provider.name.length + 1 + provider.basePath.length);
  const method = incoming.method === 'POST' ? 'POST' : 'GET';
  const { headers } = incoming;
  const heard = { method, body, path, query: url.searchParams, headers, at, monotonic } as const;
  const route = mounted.state.route(heard);
  const graceMs = Number(mounted.settings['signalGraceMs']);
  const standing = mounted.orders.of(route.scope, at, monotonic, graceMs);
  const entry = context.ledger.arrived({
    at,
    provider: provider.name,
    endpoint: route.endpoint,
    method: incoming.method ?? '',
    path: path.slice(0, 512),
    query: queryForLog(url.searchParams),
    weight: route.weight,
    requestId: headerOf(incoming, 'x-headgate-request-id') ?? headerOf(incoming, 'x-request-id'),
    standing: standing.kind,
  });
  const draw = mounted.deck.draw(route.endpoint, at);
  const request = { ...heard, at: at + draw.skewMs };
  const admission = mounted.state.admit(request, route, standing);
  return { mounted, request, route, admission, draw, entry };
}

/** More than any upstream is sent; what lies beyond is not looked at. */
const BODY_BYTES_MAX = 65_536;

/** What a POST brings; cut off where it is too long or its sender went away. */
async function bodyOf(incoming: IncomingMessage): Promise<string> {
  if (incoming.method !== 'POST') return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.byteLength;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    }
  } catch {
    // Gone: what it would be answered nobody hears.
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What the provider says, faults aside. */
async function honest(arrived: Arrived, method: string): Promise<Answer> {
  const { admission, mounted, request, route } = arrived;
  if (admission.refused !== undefined) return admission.refused;
  const allow = route.method ?? 'GET';
  if (method !== allow && !(allow === 'GET' && method === 'HEAD')) {
    return { ...empty(405), headers: { allow } };
  }
  return mounted.state.answer(request, route);
}

async function faulted(arrived: Arrived, incoming: IncomingMessage): Promise<Faulted> {
  const { draw, mounted, request } = arrived;
  const plain = (): Promise<Answer> => honest(arrived, incoming.method ?? '');
  if (draw.acting === undefined) return { answer: await plain(), delivery: { kind: 'whole' } };
  return underFault(draw.acting, {
    at: request.at,
    target: incoming.url ?? '/',
    jsonType: mounted.provider.jsonType,
    word: (refusal) => mounted.state.word(refusal, request),
    honest: plain,
  });
}

function wireOf(
  incoming: IncomingMessage,
  response: ServerResponse,
  arrived: Arrived,
  context: ExchangeContext,
): Wire {
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
  };
  response.once('close', leave);
  context.closing.addEventListener('abort', leave, { once: true, signal: gone.signal });
  if (context.closing.aborted) leave();
  return {
    request: incoming,
    response,
    clock: context.clock,
    signal: gone.signal,
    at: arrived.request.at,
    jsonType: arrived.mounted.provider.jsonType,
  };
}

function signalled(arrived: Arrived, answer: Answer, at: EpochMs, monotonic: MonotonicMs): void {
  if (answer.forbids === undefined) return;
  // A skewed provider names moments by its own clock; what it forbids is kept by the true one.
  const forbids = { ...answer.forbids, until: answer.forbids.until - arrived.draw.skewMs };
  arrived.mounted.orders.signal(arrived.route.scope, forbids, at, monotonic);
}

/** Serves one request to a provider. Never rejects. */
export async function exchange(
  incoming: IncomingMessage,
  response: ServerResponse,
  url: URL,
  mounted: Mounted,
  context: ExchangeContext,
): Promise<void> {
  const body = await bodyOf(incoming);
  const arrived = arrive(incoming, url, mounted, body, context);
  const wire = wireOf(incoming, response, arrived, context);
  const { admission, draw, entry } = arrived;
  const fault = draw.names.length === 0 ? null : draw.names.join('+');
  if (draw.delayMs > 0) await wait(context.clock, draw.delayMs, wire.signal);
  const { answer, delivery } = await faulted(arrived, incoming);
  const headers =
    answer.status < 500 ? { ...admission.headers, ...answer.headers } : answer.headers;
  const silent = delivery.kind === 'never' || delivery.kind === 'reset' || wire.signal.aborted;
  const unsent = silent && !(delivery.kind === 'reset' && delivery.at === 'mid_body');
  mounted.state.settle?.(arrived.route, unsent ? 0 : answer.status, arrived.request.at);
  entry.answering(unsent ? null : answer.status, fault);
  const fate = wire.signal.aborted
    ? 'abandoned'
    : await deliver({ ...answer, ...(headers === undefined ? {} : { headers }) }, delivery, wire);
  entry.ended(fate);
  if (fate === 'answered') {
    signalled(arrived, answer, context.clock.now(), context.clock.monotonic());
  }
  context.log.debug('sandbox served', {
    provider: mounted.provider.name,
    endpoint: arrived.route.endpoint,
    status: unsent ? null : answer.status,
    fate,
    fault,
  });
}
