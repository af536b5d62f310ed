/** A gateway that asks who calls: a real book of tokens over a journal in memory, and real HTTP. */
import { gatekeeper } from '../../src/gateway/auth/gatekeeper.js';
import type { GatekeeperParts } from '../../src/gateway/auth/gatekeeper.js';
import type { RestParts, TokenBook } from '../../src/gateway/index.js';
import type { Role } from '../../src/gateway/operation.js';
import { world } from './gateway-fakes.js';
import { served } from './gateway-http.js';
import type { Sent, Served, Told } from './gateway-http.js';

export type Guarded = Served & {
  readonly tokens: TokenBook;
  /** Makes a token past all edges; answers its text. */
  token(role: Role, name?: string, ttlMs?: number): Promise<string>;
  as(token: string, sent: Sent): Promise<Told>;
};

export async function servedGuarded(
  parts: Partial<Pick<GatekeeperParts, 'jwt' | 'rate'>> &
    Partial<Pick<RestParts, 'log' | 'limits' | 'corsOrigins'>> = {},
): Promise<Guarded> {
  const made = world();
  const { jwt, rate, ...rest } = parts;
  const { clock, tokens } = made;
  const keeper = gatekeeper({ tokens, clock, ...(jwt && { jwt }), ...(rate && { rate }) });
  const at = await served({ ...rest, gatekeeper: keeper }, made);
  return {
    ...at,
    tokens,
    async token(role, name = role, ttlMs) {
      const expires = ttlMs === undefined ? {} : { expiresAt: clock.now() + ttlMs };
      const id = made.random.uuid();
      const by = { commandId: id, correlationId: id, actor: 'local', interface: 'cli' };
      const told = await tokens.create({ name, role, ...expires }, by);
      if (!told.ok) throw new Error(told.error.detail);
      return told.value.text;
    },
    as: (token, sent) =>
      at.ask({ ...sent, headers: { ...sent.headers, authorization: `Bearer ${token}` } }),
  };
}
