/**
 * Who may talk to an open door. Without tokens the service trusts its own machine, and a browser on
 * that machine runs everyone's scripts: a page may rebind its own name to 127.0.0.1 (so Host is
 * checked), or send requests across sites (so Origin is).
 */
import { isIPv4 } from 'node:net';
import { HeadgateError } from '../../kernel/errors.js';
import type { Problem } from '../problems.js';

/** The service would be open to a network without anyone having to say who they are. */
export class InsecureBinding extends HeadgateError {
  readonly code = 'insecure_binding';
  readonly retryable = false;
}

/** Names by which only this machine is meant. `host` has no port; IPv6 may be in brackets. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIPv4(name) && name.startsWith('127.');
}

/**
 * `isAllowed`: callers are asked who they are, or the operator insists.
 * @throws {InsecureBinding} unless that, or the address is loopback.
 */
export function assertMayBind(host: string, isAllowed: boolean): void {
  if (isAllowed || isLoopback(host)) return;
  throw new InsecureBinding(
    `will not listen on ${host}: there are no tokens, so anyone there could steer the collectors; ` +
      'make one first with `headgate token create --role admin --name <yours>`, or listen on ' +
      '127.0.0.1, or say --insecure',
  );
}

export type Headers = { readonly host?: string | undefined; readonly origin?: string | undefined };

/** What is wrong with a request's Host or Origin, or undefined. */
export type Guard = (headers: Headers) => Problem | undefined;

export type GuardRules = {
  readonly boundHost: string;
  /** Nobody has to say who they are: asked anew for each request, the first token changes it. */
  readonly isOpen: () => boolean;
  /** Origins of pages that may call. */
  readonly corsOrigins: ReadonlySet<string>;
};

/**
 * Bound to loopback and open, only loopback's names are answered: with tokens a rebound name is of no use.
 * An Origin must be the Host, or one that was named, everywhere.
 */
export function guard({ boundHost, isOpen, corsOrigins }: GuardRules): Guard {
  const isLocal = isLoopback(boundHost);
  // Nearly every request names the host of the one before it.
  let lastFine: string | undefined;
  const isOurs = (host: string): boolean => {
    if (host === lastFine || !isLocal || !isOpen()) return true;
    if (!isLoopback(nameOf(host))) return false;
    lastFine = host;
    return true;
  };
  return ({ host, origin }) => {
    if (host === undefined || host === '') {
      return { code: 'bad_request', detail: 'the Host header is missing' };
    }
    if (!isOurs(host)) {
      return { code: 'host_refused', detail: 'this service answers to its loopback names only' };
    }
    if (origin === undefined || corsOrigins.has(origin)) return undefined;
    if (hostOfOrigin(origin) === host.toLowerCase()) return undefined;
    return { code: 'origin_refused', detail: 'requests from other sites’ pages are not answered' };
  };
}

/** `[::1]:8000` → `[::1]`, `localhost:8000` → `localhost`. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, '');
}

/** `null` (a sandboxed page) and other schemes have no host of ours. */
function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1];
}
