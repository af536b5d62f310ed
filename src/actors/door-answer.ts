/** What an answer means: judged by the profile, checked by the source, kept as evidence if unreadable. */
import type { Static, TSchema } from '@sinclair/typebox';
import { sha256Hex } from '../kernel/canonical.js';
import type { EpochMs } from '../kernel/types.js';
import { fitsSchema, jsonBody } from '../sources/exchange.port.js';
import type { Exchange, ProviderProfile, RequestFailure, Verdict } from '../sources/port.js';
import type { DoorDeps, DoorUpstream, Request } from './door-parts.js';

/** Keeps the first bytes of a body nobody could read. */
const EVIDENCE_BYTES = 4096;

/** The profile's verdict, and the source's own word on the body: a 2xx that does not fit is bad data. */
export function judge<S extends TSchema>(
  profile: ProviderProfile,
  exchange: Exchange,
  spec: Request<S>,
  { endpoint, at }: { readonly endpoint: string; readonly at: EpochMs },
): { readonly verdict: Verdict; readonly body: Static<S> | undefined } {
  const json = jsonBody(exchange);
  const verdict = profile.judge(exchange, json, at, endpoint);
  if (verdict.outcome !== 'ok') return { verdict, body: undefined };
  const fit = fitsSchema(spec.schema, json);
  const complaint = fit.ok ? spec.check?.(fit.body) : fit.message;
  if (complaint === undefined) return { verdict, body: json };
  return { verdict: { ...verdict, outcome: 'bad_data', message: complaint }, body: undefined };
}

export function statusOf(exchange: Exchange): number {
  return exchange.kind === 'answered' ? exchange.status : (exchange.status ?? 0);
}

export function failureOf(
  deps: DoorDeps,
  { keys }: Pick<DoorUpstream, 'keys'>,
  endpoint: string,
  exchange: Exchange,
  verdict: Verdict,
): RequestFailure {
  const outcome = verdict.outcome === 'ok' ? 'bad_data' : verdict.outcome;
  return {
    ok: false,
    outcome,
    message: verdict.message,
    endpoint,
    status: statusOf(exchange),
    ...(verdict.retryAt !== undefined && { until: verdict.retryAt }),
    ...(outcome === 'bad_data' && {
      evidence: evidenceOf(deps, Object.values(keys), endpoint, exchange),
    }),
  };
}

/** A fingerprint for the event; the first bytes go to the evidence table, never to the journal. */
function evidenceOf(
  deps: DoorDeps,
  secrets: readonly string[],
  endpoint: string,
  exchange: Exchange,
): { readonly sha256: string; readonly bytes: number } {
  const body = exchange.kind === 'answered' ? exchange.body : (exchange.head ?? Buffer.alloc(0));
  const bytes =
    exchange.kind === 'answered' ? body.byteLength : (exchange.bytes ?? body.byteLength);
  const sha256 = sha256Hex(body);
  const head = headOf(body, secrets);
  const { collector, clock, log } = deps;
  deps.evidence
    .keep({ sha256, collector, endpoint, bytes, head, at: clock.now() })
    .catch((cause: unknown) => {
      log.warn('evidence not kept', { collector, endpoint, error: String(cause) });
    });
  return { sha256, bytes };
}

/** P14: an upstream may send our own key back to us. What might be the beginning of one goes as well. */
function headOf(body: Buffer, secrets: readonly string[]): string {
  const longest = secrets.reduce((most, secret) => Math.max(most, secret.length), 0);
  if (longest === 0) return body.subarray(0, EVIDENCE_BYTES).toString('utf8');
  const looked = EVIDENCE_BYTES + longest;
  const text = secrets
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .reduce(
      (head, secret) => head.replaceAll(secret, '[redacted]'),
      body.subarray(0, looked).toString('utf8'),
    );
  const isWhole = body.byteLength <= looked;
  return text.slice(0, isWhole ? EVIDENCE_BYTES : Math.min(EVIDENCE_BYTES, text.length - longest));
}
