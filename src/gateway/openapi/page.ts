/** placeholder */
import type { JsonObject } from '../../kernel/types.js';
export const PAGE_CSP = "default-src 'none'";
export function docsPage(document: JsonObject, origin: string): string {
  return JSON.stringify({ document, origin });
}
