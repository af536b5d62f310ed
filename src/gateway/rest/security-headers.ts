/** Headers of every answer: what a browser that got hold of one must not do with it. */

/** JSON runs nothing, loads nothing and stands in no frame. */
export const CSP = "default-src 'none'; frame-ancestors 'none'";

export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;
