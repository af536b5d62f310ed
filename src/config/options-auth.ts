/** The table of options: who may call, and how often. */
import type { OptionSpec } from './option.js';

/** Algorithms with a private key only the issuer has: none with a shared secret, and not `none`. */
const ALGORITHM = /^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/;

export const AUTH_OPTIONS = [
  {
    key: 'auth.jwks_url',
    type: 'string',
    absent: 'JWTs are not accepted',
    pattern: { regex: /^(https?|file):\/\/\S+$/, says: 'an https:// or file:// URL' },
    meaning:
      'Where the public keys of a JWT issuer are (JWKS); http:// on loopback only, file:// pins them.',
  },
  {
    key: 'auth.jwt_issuer',
    type: 'string',
    absent: 'needed together with auth.jwks_url',
    meaning: 'What a JWT’s iss must be, exactly.',
  },
  {
    key: 'auth.jwt_audience',
    type: 'string',
    absent: 'needed together with auth.jwks_url',
    meaning: 'What a JWT’s aud must be or hold.',
  },
  {
    key: 'auth.jwt_algorithms',
    type: 'list',
    absent: 'RS256, ES256 and EdDSA',
    max: 11,
    pattern: { regex: ALGORITHM, says: 'RS256, PS256, ES256 (or 384, 512), EdDSA or Ed25519' },
    meaning: 'The algorithms a JWT may be signed with.',
  },
  {
    key: 'auth.jwt_role_claim',
    type: 'string',
    default: 'role',
    max: 200,
    meaning:
      'Claim with viewer, operator or admin, as a word or in a list; dots lead into objects.',
  },
  {
    key: 'auth.requests_per_second',
    type: 'number',
    min: 0,
    max: 1_000_000,
    default: 50,
    unit: 'calls per second',
    meaning:
      'Rate of each caller, on average; of each address, where nobody says who they are. 0: none.',
  },
  {
    key: 'auth.burst',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 100,
    unit: 'calls',
    meaning: 'Calls a caller may make at once.',
  },
] as const satisfies readonly OptionSpec[];
