/**
 * A strict reader of Prometheus text (format 0.0.4): throws at the first thing a scraper might refuse.
 * It is written from the format's description and shares nothing with the writer.
 */

export type ParsedSeries = { readonly labels: ReadonlyMap<string, string>; readonly value: number };
export type ParsedFamily = {
  readonly type: string;
  readonly help: string;
  /** By sample name. */
  readonly samples: ReadonlyMap<string, readonly ParsedSeries[]>;
};

type Family = { type: string; help: string; samples: Map<string, ParsedSeries[]> };

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the page must end in a line feed');
  const page: Page = { families: new Map(), seen: new Set(), current: '' };
  // prom-client parts its families by empty lines, which the format allows.
  for (const line of text
    .slice(0, -1)
    .split('\n')
    .filter((one) => one !== '')) {
    if (line.startsWith('#')) readComment(page, line);
    else readSample(page, line);
  }
  for (const [name, family] of page.families) checkFamily(name, family);
  return page.families;
}

type Page = { readonly families: Map<string, Family>; readonly seen: Set<string>; current: string };

function readComment(page: Page, line: string): void {
  const [, word, name = '', rest = ''] = matched(
    /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/,
    line,
  );
  page.current = name;
  if (word === 'HELP') begin(page.families, name, rest);
  else setType(page.families, name, rest);
}

function readSample(page: Page, line: string): void {
  const [, name = '', labelText = '', valueText = ''] = matched(SAMPLE, line);
  const family = page.families.get(page.current);
  if (family === undefined || !belongs(name, page.current, family.type)) {
    throw new Error(`${line}: does not belong to ${page.current}`);
  }
  const labels = parseLabels(labelText);
  const key = `${name} ${JSON.stringify([...labels].sort())}`;
  if (page.seen.has(key)) throw new Error(`told twice: ${line}`);
  page.seen.add(key);
  const list = family.samples.get(name) ?? [];
  list.push({ labels, value: parseNumber(valueText) });
  family.samples.set(name, list);
}

function begin(families: Map<string, Family>, name: string, help: string): void {
  if (families.has(name)) throw new Error(`HELP of ${name} stands twice`);
  if (!/^(?:[^\\]|\\[\\n])*$/.test(help)) throw new Error(`a bad escape in HELP of ${name}`);
  families.set(name, { type: '', help, samples: new Map() });
}

function setType(families: Map<string, Family>, name: string, type: string): void {
  const family = families.get(name);
  if (family === undefined || family.type !== '')
    throw new Error(`TYPE of ${name} is out of place`);
  if (!['counter', 'gauge', 'histogram', 'summary'].includes(type)) {
    throw new Error(`${type} is no type`);
  }
  family.type = type;
}

function belongs(sample: string, family: string, type: string): boolean {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((s) => sample === family + s);
  if (type === 'summary') return ['', '_sum', '_count'].some((s) => sample === family + s);
  return sample === family;
}

function parseLabels(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  let rest = text;
  while (rest !== '') {
    const [whole, name = '', value = ''] = matched(
      /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/,
      rest,
    );
    if (labels.has(name)) throw new Error(`the label ${name} stands twice`);
    labels.set(
      name,
      value.replaceAll(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign)),
    );
    rest = rest.slice(whole.length);
  }
  return labels;
}

function parseNumber(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  if (text === 'NaN' || text === 'Nan') return NaN;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`${text} is no number`);
  return value;
}

function checkFamily(name: string, family: Family): void {
  if (family.type === '') throw new Error(`${name} has no TYPE`);
  if (family.type === 'histogram') checkHistogram(name, family);
}

/** Buckets grow, end in +Inf, and +Inf is the count. */
function checkHistogram(name: string, family: Family): void {
  const groups = new Map<string, ParsedSeries[]>();
  for (const series of family.samples.get(`${name}_bucket`) ?? []) {
    const key = keyWithoutLe(series);
    groups.set(key, [...(groups.get(key) ?? []), series]);
  }
  for (const [key, buckets] of groups) {
    const bounds = buckets.map(({ labels }) => parseNumber(labels.get('le') ?? ''));
    const isRising = bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? Infinity));
    if (!isRising || bounds.at(-1) !== Infinity) throw new Error(`${name}${key}: bad bounds`);
    const counts = buckets.map(({ value }) => value);
    if (!counts.every((count, i) => i === 0 || count >= (counts[i - 1] ?? Infinity))) {
      throw new Error(`${name}${key}: buckets do not grow`);
    }
    const count = (family.samples.get(`${name}_count`) ?? []).find((s) => keyWithoutLe(s) === key);
    if (count?.value !== counts.at(-1)) throw new Error(`${name}${key}: +Inf is not the count`);
  }
}

function keyWithoutLe({ labels }: ParsedSeries): string {
  return JSON.stringify([...labels].filter(([label]) => label !== 'le').sort());
}

function matched(pattern: RegExp, text: string): RegExpExecArray {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`cannot be read: ${text}`);
  return match;
}
