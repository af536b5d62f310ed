/** Content of facts and records on a line. */
import type { JsonObject } from '../../kernel/types.js';

/** As JSON, without the moment: that stands before it in the words of people. */
export function contentText(data: JsonObject | null): string {
  const { atMs: _moment, ...rest } = data ?? {};
  return JSON.stringify(rest);
}
