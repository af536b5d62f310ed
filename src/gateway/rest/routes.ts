/** Which methods a path has, by the table: for routes, for 405 with its Allow, and for OPTIONS. */
import type { AnyOperation } from '../operation.js';

/** `/collectors/{name}` as Fastify's router spells it; a colon of our own is doubled there. */
export function routerPath(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Methods of the operations at a path as it was asked, HEAD and OPTIONS included; none: no route. */
export type AllowedMethods = (path: string) => readonly string[];

type Matcher = { readonly parts: readonly (string | undefined)[]; readonly method: string };

export function allowedMethods(operations: readonly AnyOperation[]): AllowedMethods {
  const matchers: readonly Matcher[] = operations.map(({ rest }) => ({
    method: rest.method,
    parts: segments(rest.path).map((part) => (part.startsWith('{') ? undefined : part)),
  }));
  return (path) => {
    const asked = segments(path);
    const methods = new Set<string>();
    for (const matcher of matchers) {
      if (matches(matcher, asked)) methods.add(matcher.method);
    }
    if (methods.has('GET')) methods.add('HEAD');
    if (methods.size > 0) methods.add('OPTIONS');
    return [...methods].sort();
  };
}

/** A trailing slash is no segment, as the router has it. */
function segments(path: string): readonly string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

function matches({ parts }: Matcher, asked: readonly string[]): boolean {
  return (
    parts.length === asked.length &&
    parts.every((part, i) => (part === undefined ? asked[i] !== '' : part === asked[i]))
  );
}
