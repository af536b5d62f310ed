/** What an answer means: judged by the profile, checked by the source, kept as evidence if unreadable. */
import type { Static, TSchema } from '@sinclair/typebox';
import { sha256Hex } from '../kernel/canonical.js';
import { messageOf } from '../kernel/errors.js';
import type { EpochMs } from '../kernel/types.js';
import { fitsSchema, jsonBody } from '../sources/exchange.port.js';
import type { Exchange, RequestFailure, TokenProfile, Verdict } from '../sources/port.js';
import type { Call, DoorDeps, DoorUpstream, Request } from './door-parts.js';
import { nextHop } from './door-redirect.js';
import { credentialsIn, redacted, secretsOf, spellings, REDACTED } from './door-secrets.js';

/** Keeps the first bytes of a body nobody could read. */
const EVIDENCE_BYTES = 4096;

/** What an exchange came to. `hop`: to be asked again elsewhere on the same origin. */
export type Judged<T> =
  | { readonly kind: 'ok'; readonly verdict: Verdict; readonly body: T }
  | { readonly kind: 'failed'; readonly verdict: Verdict }
  | { readonly kind: 'hop'; readonly verdict: Verdict; readonly to: URL };

/** Which call an exchange answers. */
export type Asking = {
  readonly call: Call;
  /** The addresses asked so far, this one included. */
  readonly visited: readonly string[];
  readonly at: EpochMs;
};

/** The profile's verdict, and the source's own word on the body: a 2xx that does not fit is bad data. */
export function judge<S extends TSchema>(
  deps: DoorDeps,
  upstream: DoorUpstream,
  spec: Request<S>,
  { call, visited, at }: Asking,
  exchange: Exchange,
): Judged<Static<S>> {
  return safely(deps, call.endpoint, () => {
    const json = jsonBody(exchange);
    const verdict = upstream.profile.judge(exchange, json, at, call.endpoint);
    if (verdict.outcome === 'client') return redirected(upstream, call, visited, exchange, verdict);
    if (verdict.outcome !== 'ok') return { kind: 'failed', verdict };
    const fit = fitsSchema(spec.schema, json);
    const complaint = fit.ok ? complaintOf(deps, spec, call, fit.body) : fit.message;
    if (complaint === undefined) return { kind: 'ok', verdict, body: json };
    return { kind: 'failed', verdict: { ...verdict, outcome: 'bad_data', message: complaint } };
  });
}

/** A redirect that is allowed is asked for there: the answer that named it went well. */
function redirected<T>(
  upstream: DoorUpstream,
  call: Call,
  visited: readonly string[],
  exchange: Exchange,
  verdict: Verdict,
): Judged<T> {
  const hop = nextHop(upstream, call, visited, exchange);
  if (hop?.kind === 'to')
    return { kind: 'hop', verdict: { ...verdict, outcome: 'ok' }, to: hop.to };
  const message = hop?.message ?? verdict.message;
  return { kind: 'failed', verdict: { ...verdict, message } };
}

/** The same for a call for a token: its body is a token that lasts, or bad data. */
export function judgeToken(
  deps: DoorDeps,
  { profile }: DoorUpstream,
  token: TokenProfile,
  at: EpochMs,
  exchange: Exchange,
): Judged<{ readonly token: string; readonly lastsMs: number }> {
  const { endpoint } = token;
  return safely(deps, endpoint, () => {
    const json = jsonBody(exchange);
    const verdict = profile.judge(exchange, json, at, endpoint);
    if (verdict.outcome !== 'ok') return { kind: 'failed', verdict };
    const granted = json === undefined ? undefined : token.read(json);
    if (granted !== undefined && granted.token !== '' && granted.lastsMs > 0) {
      return { kind: 'ok', verdict, body: granted };
    }
    const message = `${profile.provider} answered ${String(statusOf(exchange))}: no token in it`;
    return { kind: 'failed', verdict: { ...verdict, outcome: 'bad_data', message } };
  });
}

/** What a profile or a source throws over is a body it did not expect: a report must follow all the same. */
function safely<T>(deps: DoorDeps, endpoint: string, judged: () => Judged<T>): Judged<T> {
  try {
    return judged();
  } catch (thrown) {
    return {
      kind: 'failed',
      verdict: {
        outcome: 'bad_data',
        message: unreadable(deps, endpoint, thrown),
        observations: [],
        malformedHeaders: 0,
        charged: true,
      },
    };
  }
}

/** Apart from `safely`, so that what the headers told is kept. */
function complaintOf<S extends TSchema>(
  deps: DoorDeps,
  spec: Request<S>,
  { endpoint }: Call,
  body: Static<S>,
): string | undefined {
  try {
    return spec.check?.(body);
  } catch (thrown) {
    return unreadable(deps, endpoint, thrown);
  }
}

/** What was thrown may quote the body: only its name is told. */
function unreadable({ log, collector }: DoorDeps, endpoint: string, thrown: unknown): string {
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  log.error('an answer could not be judged', { collector, endpoint, error: name });
  return `the answer could not be judged (${name})`;
}

export function statusOf(exchange: Exchange): number {
  return exchange.kind === 'answered' ? exchange.status : (exchange.status ?? 0);
}

/** What the source gets of an exchange that failed; of one that could not be read evidence is kept. */
export function failureOf(
  deps: DoorDeps,
  upstream: DoorUpstream,
  call: Call,
  exchange: Exchange,
  verdict: Verdict,
): RequestFailure {
  const outcome = verdict.outcome === 'ok' ? 'bad_data' : verdict.outcome;
  const secrets = [...secretsOf(upstream), ...credentialsIn(call.message)];
  return {
    ok: false,
    outcome,
    message: redacted(verdict.message, secrets),
    endpoint: call.endpoint,
    status: statusOf(exchange),
    ...(verdict.retryAt !== undefined && { until: verdict.retryAt }),
    ...(outcome === 'bad_data' && {
      evidence: evidenceOf(deps, upstream, secrets, call, exchange),
    }),
  };
}

/** Of an answer that should have held a token nobody can tell which part of it is one. */
const WITHHELD = '[not kept: it may hold a token]';

/** A fingerprint for the event; the first bytes go to the evidence table, never to the journal. */
function evidenceOf(
  deps: DoorDeps,
  { profile }: DoorUpstream,
  secrets: readonly string[],
  { endpoint }: Call,
  exchange: Exchange,
): { readonly sha256: string; readonly bytes: number } {
  const body = exchange.kind === 'answered' ? exchange.body : (exchange.head ?? Buffer.alloc(0));
  const bytes =
    exchange.kind === 'answered' ? body.byteLength : (exchange.bytes ?? body.byteLength);
  const sha256 = sha256Hex(body);
  const head = endpoint === profile.token?.endpoint ? WITHHELD : headOf(body, secrets);
  const { collector, clock, log } = deps;
  deps.evidence
    .keep({ sha256, collector, endpoint, bytes, head, at: clock.now() })
    .catch((cause: unknown) => {
      log.warn('evidence not kept', { collector, endpoint, error: messageOf(cause) });
    });
  return { sha256, bytes };
}

/** P14: an upstream may send our own key back to us. What might be the beginning of one goes as well. */
function headOf(body: Buffer, secrets: readonly string[]): string {
  const spelt = spellings(secrets);
  const longest = spelt.reduce((most, secret) => Math.max(most, secret.length), 0);
  if (longest === 0) return body.subarray(0, EVIDENCE_BYTES).toString('utf8');
  const looked = EVIDENCE_BYTES + longest;
  const text = spelt.reduce(
    (head, secret) => head.replaceAll(secret, REDACTED),
    body.subarray(0, looked).toString('utf8'),
  );
  const isWhole = body.byteLength <= looked;
  return text.slice(0, isWhole ? EVIDENCE_BYTES : Math.min(EVIDENCE_BYTES, text.length - longest));
}
