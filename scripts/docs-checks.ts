/** What keeps documentation and program together: pure functions over texts and lists of names. */

/** Between these lines of docs/configuration.md stands what the table of options says. */
export const TABLE_BEGIN = '<!-- options: begin (npm run docs) -->';
export const TABLE_END = '<!-- options: end -->';

/** The document with the table in its place, or undefined when it has no place for it. */
export function withTable(document: string, table: string): string | undefined {
  const begin = document.indexOf(TABLE_BEGIN);
  const end = document.indexOf(TABLE_END);
  if (begin < 0 || end < begin) return undefined;
  const head = document.slice(0, begin + TABLE_BEGIN.length);
  return `${head}\n\n${table}\n\n${document.slice(end)}`;
}

/** Codes of error classes, as the sources declare them. */
export function thrownCodes(texts: readonly string[]): readonly string[] {
  const codes = texts.flatMap((text) => [...text.matchAll(/readonly code = '([a-z0-9_]+)'/g)]);
  return [...new Set(codes.map(([, code = '']) => code))].sort();
}

/** Kinds of refusals, as src/actors/refusal.ts declares them. */
export function refusalKinds(text: string): readonly string[] {
  return [...text.matchAll(/readonly kind: '([a-z-]+)'/g)].map(([, kind = '']) => kind).sort();
}

/** The first `columns` cells of each row of the table under a heading, without their backticks. */
export function tableUnder(document: string, heading: string, columns = 1): readonly string[] {
  const begin = document.indexOf(`\n## ${heading}\n`);
  if (begin < 0) return [];
  const end = document.indexOf('\n## ', begin + 1);
  const section = document.slice(begin, end < 0 ? undefined : end);
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => {
    const cells = row.split('|').slice(1, 1 + columns);
    return cells.map((cell) => cell.trim().replaceAll('`', '')).join(' ');
  });
}

export function differences(
  what: string,
  declared: readonly string[],
  documented: readonly string[],
): readonly string[] {
  const missing = declared.filter((name) => !documented.includes(name));
  const gone = documented.filter((name) => !declared.includes(name));
  const twice = documented.filter((name, index) => documented.indexOf(name) !== index);
  return [
    ...missing.map((name) => `${what} ${name} is not documented`),
    ...gone.map((name) => `${what} ${name} is documented and does not exist`),
    ...twice.map((name) => `${what} ${name} is documented twice`),
  ];
}

/** Paths into the checkout that a document names: in backticks, or as the target of a link. */
export function namedPaths(document: string): readonly string[] {
  const quoted = [...document.matchAll(/`([^`\s]+)`/g)].map(([, path = '']) => path);
  const inOurs = quoted.filter(
    (path) =>
      /^(src|test|proto|docs|scripts|bench|deploy|\.ci)\//.test(path) && !/[*<{}…]/.test(path),
  );
  return [...new Set(inOurs)].map((path) => path.replace(/[#:].*$/, ''));
}

/** Targets of relative links. */
export function linkedPaths(document: string): readonly string[] {
  const targets = [...document.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const relative = targets.filter((target) => !/^([a-z]+:|#|\/)/.test(target));
  return [...new Set(relative.map((target) => target.replace(/#.*$/, '')))];
}

/** `npm run` and `npm` commands that a document tells to type. */
export function namedScripts(document: string): readonly string[] {
  const names = [...document.matchAll(/\bnpm run ([a-z][a-z:-]*)/g)].map(([, name = '']) => name);
  return [...new Set(names)];
}

/** Rooms (folders of src) that the README does not have on its map. */
export function roomsMissing(readme: string, rooms: readonly string[]): readonly string[] {
  return rooms.filter((room) => !new RegExp(`(^|[\\s\`/])${room}/`, 'm').test(readme));
}
