/**
 * One request to a fake upstream, from its arrival to its answer, whatever carries it (serve-http.ts,
 * in-process.ts): the rules, limits and faults are the same.
 *
 * The order matters: see whether it was forbidden (standing), count it (ledger), draw the faults,
 * charge its weight (admission), wait, answer. Weight is charged whatever a fault does to the answer
 * afterwards, and whoever has left meanwhile, as it is upstream.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from '../../kernel/observe.js';
import { wait, type Clock } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import { underFault, type Delivery, type Faulted } from './fault-answers.js';
import type { Draw, FaultDeck } from './fault-deck.js';
import { queryForLog, type Ledger, type OpenEntry, type RequestFate } from './ledger.js';
import {
  empty,
  type Admission,
  type Answer,
  type ProviderState,
  type Route,
  type SandboxProvider,
  type SandboxRequest,
} from './provider.js';
import type { Letterhead } from './render.js';
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
};

/** A request as it came. */
export type Heard = {
  readonly method: string;
  /** Path and query as they came, the provider's prefix included. */
  readonly target: string;
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** More than any upstream is sent; what lies beyond is not looked at. */
export const BODY_BYTES_MAX = 65_536;

type Arrived = {
  readonly heard: Heard;
  readonly mounted: Mounted;
  readonly request: SandboxRequest;
  readonly route: Route;
  readonly admission: Admission;
  readonly draw: Draw;
  readonly entry: OpenEntry;
};

const headerOf = ({ headers }: Heard, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' ? value.slice(0, 128) : null;
};

/** Steps that happen in one go, so that two requests are never half counted. */
function arrive(heard: Heard, mounted: Mounted, context: ExchangeContext): Arrived {
  const at = context.clock.now();
  const monotonic = context.clock.monotonic();
  const { provider } = mounted;
  const { body, headers, url } = heard;
  const path = url.pathname.slice(provider.name.length + 1 + provider.basePath.length);
  const method = heard.method === 'POST' ? 'POST' : 'GET';
  const seen = { method, body, path, query: url.searchParams, headers, at, monotonic } as const;
  const route = mounted.state.route(seen);
  const graceMs = Number(mounted.settings['signalGraceMs']);
  const standing = mounted.orders.of(route.scope, at, monotonic, graceMs);
  const entry = context.ledger.arrived({
    at,
    provider: provider.name,
    endpoint: route.endpoint,
    method: heard.method,
    path: path.slice(0, 512),
    query: queryForLog(url.searchParams),
    weight: route.weight,
    requestId: headerOf(heard, 'x-headgate-request-id') ?? headerOf(heard, 'x-request-id'),
    standing: standing.kind,
  });
  const draw = mounted.deck.draw(route.endpoint, at);
  const request = { ...seen, at: at + draw.skewMs };
  const admission = mounted.state.admit(request, route, standing);
  const isBeyond = admission.isBeyond ?? admission.refused?.forbids !== undefined;
  if (isBeyond) entry.beyond(mounted.orders.isWarned(route.scope, monotonic, graceMs));
  return { heard, mounted, request, route, admission, draw, entry };
}

/** What the provider says, faults aside. */
async function honest(arrived: Arrived): Promise<Answer> {
  const { admission, heard, mounted, request, route } = arrived;
  if (admission.refused !== undefined) return admission.refused;
  const allow = route.method ?? 'GET';
  if (heard.method !== allow && !(allow === 'GET' && heard.method === 'HEAD')) {
    return { ...empty(405), headers: { allow } };
  }
  return mounted.state.answer(request, route);
}

async function faulted(arrived: Arrived): Promise<Faulted> {
  const { draw, heard, mounted, request } = arrived;
  const plain = (): Promise<Answer> => honest(arrived);
  if (draw.acting === undefined) return { answer: await plain(), delivery: { kind: 'whole' } };
  return underFault(draw.acting, {
    at: request.at,
    target: heard.target,
    jsonType: mounted.provider.jsonType,
    word: (refusal) => mounted.state.word(refusal, request),
    honest: plain,
  });
}

function signalled(arrived: Arrived, answer: Answer, { clock, ledger }: ExchangeContext): void {
  if (answer.forbids === undefined) return;
  // A skewed provider names moments by its own clock; what it forbids is kept by the true one.
  const forbids = { ...answer.forbids, until: answer.forbids.until - arrived.draw.skewMs };
  const at = clock.now();
  arrived.mounted.orders.signal(arrived.route.scope, forbids, at, clock.monotonic());
  ledger.signalled(arrived.mounted.provider.name, at);
}

/** Neither a status line leaves nor, for all the sender knows, was anything done. */
function isSilent(delivery: Delivery): boolean {
  const { kind } = delivery;
  if (kind === 'reset') return delivery.at === 'before_headers';
  return kind === 'never' || kind === 'not_http';
}

/** Puts an answer on its way and says how that went. Never throws for what a client does. */
export type Deliver = (
  answer: Answer,
  delivery: Delivery,
  letterhead: Letterhead,
) => Promise<RequestFate>;

/**
 * Receives one request and sees it through. `signal`: the sender is gone, or the sandbox closes.
 * Rejects only for a bug in a provider.
 */
export async function exchange(
  heard: Heard,
  mounted: Mounted,
  context: ExchangeContext,
  signal: AbortSignal,
  deliver: Deliver,
): Promise<void> {
  const arrived = arrive(heard, mounted, context);
  const { admission, draw, entry, request, route } = arrived;
  const fault = draw.names.length === 0 ? null : draw.names.join('+');
  if (draw.delayMs > 0) await wait(context.clock, draw.delayMs, signal);
  const { answer, delivery } = await faulted(arrived);
  const limits = answer.status < 500 ? admission.headers : {};
  const headers = { ...limits, ...answer.headers, ...draw.headers };
  const silent = isSilent(delivery);
  const status = silent || signal.aborted ? null : answer.status;
  // Row 62 of the fault catalogue: done, and charged, though its sender no longer listens.
  mounted.state.settle?.(route, silent ? 0 : answer.status, request.at);
  entry.answering(status, fault);
  const letterhead = { at: request.at, jsonType: mounted.provider.jsonType };
  const fate = signal.aborted
    ? 'abandoned'
    : await deliver({ ...answer, headers }, delivery, letterhead);
  entry.ended(fate);
  if (fate === 'answered') signalled(arrived, answer, context);
  context.log.debug('sandbox served', {
    provider: mounted.provider.name,
    endpoint: route.endpoint,
    status,
    fate,
    fault,
  });
}
