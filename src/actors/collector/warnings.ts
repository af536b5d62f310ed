/** What a run says of itself though it goes on: few short lines, each once. */

/** A run that says more is a run whose log should be read. */
export const WARNINGS_MAX = 10;
export const WARNING_CHARS_MAX = 200;

export interface Warnings {
  /** True: it is new and kept. */
  add(message: string): boolean;
  all(): readonly string[];
}

export function warnings(): Warnings {
  const kept = new Set<string>();
  return {
    add(message) {
      const line = oneLine(message, WARNING_CHARS_MAX);
      if (line === '' || kept.has(line) || kept.size >= WARNINGS_MAX) return false;
      kept.add(line);
      return true;
    },
    all: () => [...kept],
  };
}

/** White space and what cannot be shown become single spaces; cut to its length. */
export function oneLine(text: string, charsMax: number): string {
  // More than what may be left is not looked at: a source may hand in megabytes.
  const looked = text.slice(0, 4 * charsMax).replaceAll(/[\s\p{C}]+/gu, ' ');
  return looked.trim().slice(0, charsMax);
}
