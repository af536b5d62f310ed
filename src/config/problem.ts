/** What is wrong with a configuration, told so that it can be mended without reading code. */

export type ConfigProblem = {
  /** Dotted key, or the variable or name that is not known. */
  readonly option: string;
  /** Where it was given: a variable, a switch, a file. */
  readonly from: string;
  /** As given, shortened. Absent where it could be a secret. */
  readonly value?: string;
  readonly rule: string;
  /** The known name that is nearest to what was written. */
  readonly suggestion?: string;
  /** It may only be so because a module with sources could not be loaded. */
  readonly ofUnknownSource?: true;
};

/** One line for people. */
export function problemLine(problem: ConfigProblem): string {
  const from = problem.from === '' ? '' : ` (${problem.from})`;
  const value = problem.value === undefined ? '' : `, got ${problem.value}`;
  const hint = problem.suggestion === undefined ? '' : `; did you mean ${problem.suggestion}?`;
  return `${problem.option}${from}: ${problem.rule}${value}${hint}`;
}

const SHOWN_MAX = 80;

/** A value as it may be shown: short, and without the user and password of a URL. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value).replaceAll(
    /([a-z][a-z0-9+.-]*:\/\/)[^\s/@"]*@/gi,
    '$1[redacted]@',
  );
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}...`;
}

/** The known name nearest to what was written, if it is near enough to be a slip of the pen. */
function nearest(written: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(2, Math.floor(written.length / 4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const name of known) {
    if (Math.abs(name.length - written.length) > limit) continue;
    const distance = editDistance(written.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** `nearest` as the part of a problem that it is. */
export function suggested(
  written: string,
  known: Iterable<string>,
): Pick<ConfigProblem, 'suggestion'> {
  const suggestion = nearest(written, known);
  return suggestion === undefined ? {} : { suggestion };
}

/** Levenshtein: single-character insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const inserted = (current[j - 1] ?? 0) + 1;
      const deleted = (previous[j] ?? 0) + 1;
      current.push(Math.min(substituted, inserted, deleted));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
