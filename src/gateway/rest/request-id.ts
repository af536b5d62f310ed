/** The name of one request, through its answer, its events and its log lines. */
import { holdsToken } from '../../kernel/token-shapes.js';

/** 1 to 128 visible ASCII characters. */
const VISIBLE = /^[\u0021-\u007e]{1,128}$/;

/** The caller's `X-Request-Id` when it is fit to be written into logs and events, else a fresh one. */
export function requestIdOf(
  given: string | readonly string[] | undefined,
  mint: () => string,
): string {
  const isFit = typeof given === 'string' && VISIBLE.test(given) && !holdsToken(given);
  return isFit ? given : mint();
}
