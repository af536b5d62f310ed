/**
 * Bytes nobody can guess, as an argument. They are not `Random`: a test or a simulation may repeat its
 * chance from a seed, and a token drawn from a seed would be anyone's.
 */
import { randomBytes } from 'node:crypto';

/** So many bytes of the system's generator for secrets. */
export type SecretBytes = (count: number) => Buffer;

export const systemSecretBytes: SecretBytes = (count) => randomBytes(count);
