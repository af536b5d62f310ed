/**
 * Loads the sources of a user's own modules. Such a module is code: it runs with the rights of the service.
 *
 * U1 `import … from 'headgate'` in it means this very program, wherever the module lies and whether the
 *    program was built or runs from its sources (docs/decisions/0010-user-sources.md).
 * U2 Whatever is wrong with a module is a value: nothing of it stops the others from being looked at.
 * U3 It is an ES module also where no package.json says so: nothing has to lie beside it.
 */
import { statSync } from 'node:fs';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../kernel/errors.js';
import { wait, type Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import { isDefinedSource, type SourceInvalid } from './define.js';
import type { SourceDefinition } from './port.js';

/** A module may prepare itself, not wait for the world. */
export const MODULE_LOAD_MAX_MS: DurationMs = 10_000;
const EXPORTS_SHOWN_MAX = 5;

export type UserModule = {
  readonly path: string;
};

export type LoadedSources<M extends UserModule> = {
  readonly sources: readonly SourceDefinition[];
  readonly problems: readonly { readonly module: M; readonly rule: string }[];
};

/** Loads each module and takes every source it exports; `taken` are those that are there already. */
export async function userSources<M extends UserModule>(
  modules: readonly M[],
  taken: readonly SourceDefinition[],
  clock: Clock,
): Promise<LoadedSources<M>> {
  if (modules.length > 0) meanThisProgram();
  const sources: SourceDefinition[] = [];
  const problems: { module: M; rule: string }[] = [];
  for (const module of modules) {
    const found = await sourcesIn(module.path, clock);
    for (const rule of found.rules) problems.push({ module, rule });
    for (const source of found.sources) {
      const rule = conflict(source, [...taken, ...sources]);
      if (rule === undefined) sources.push(source);
      else problems.push({ module, rule });
    }
  }
  return { sources, problems };
}

type Found = { readonly sources: readonly SourceDefinition[]; readonly rules: readonly string[] };

const wrong = (...rules: readonly string[]): Found => ({ sources: [], rules });

async function sourcesIn(path: string, clock: Clock): Promise<Found> {
  const rule = fileRule(path);
  if (rule !== undefined) return wrong(rule);
  try {
    const loading: Promise<unknown> = import(pathToFileURL(path).href + MARK);
    const loaded = await inTime(loading, clock);
    return loaded === undefined
      ? wrong(`must be loaded within ${String(MODULE_LOAD_MAX_MS)} ms`)
      : exportedSources(loaded as Readonly<Record<string, unknown>>);
  } catch (thrown) {
    if (isSourceInvalid(thrown)) return wrong(...thrown.lines.map((line) => `source: ${line}`));
    return wrong(`cannot be loaded: ${oneLine(messageOf(thrown))}`);
  }
}

function fileRule(path: string): string | undefined {
  if (!/\.m?js$/.test(path)) return 'must be an ES module on disk: a file ending in .js or .mjs';
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return `must exist; there is no ${path}`;
  return stats.isFile() ? undefined : `must be a file; ${path} is none`;
}

/** Resolves with undefined when it takes too long; a late failure is nobody's then. */
async function inTime(loading: Promise<unknown>, clock: Clock): Promise<unknown> {
  const late = new AbortController();
  loading.catch(() => undefined);
  const tooLate = wait(clock, MODULE_LOAD_MAX_MS, late.signal).then(() => undefined);
  const first = await Promise.race([loading, tooLate]).finally(() => {
    late.abort();
  });
  return first;
}

/** Also of another copy of this package, hence not by its class. */
function isSourceInvalid(thrown: unknown): thrown is SourceInvalid {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'source_invalid';
}

/** One that is exported twice, by name and as the default, is one. */
function exportedSources(module: Readonly<Record<string, unknown>>): Found {
  const exported = Object.entries(module);
  const sources = new Set(exported.map(([, value]) => value).filter(isDefinedSource));
  if (sources.size > 0) return { sources: [...sources], rules: [] };
  if (exported.length === 0) return wrong('must export a source; it exports nothing');
  const names = exported.slice(0, EXPORTS_SHOWN_MAX).map(([name]) => name);
  return wrong(`must export what defineSource made; of ${names.join(', ')} none is`);
}

/** Names are streams and routes; a scope's limits are those of one provider. */
function conflict(
  source: SourceDefinition,
  others: readonly SourceDefinition[],
): string | undefined {
  if (others.some(({ name }) => name === source.name))
    return `source: name: is taken by another source, got "${source.name}"`;
  const profiles = others.flatMap(({ upstreams }) => Object.values(upstreams));
  for (const [name, { scope, provider }] of Object.entries(source.upstreams)) {
    const other = profiles.find((each) => each.scope === scope && each.provider !== provider);
    if (other !== undefined)
      return `source: upstreams.${name}.scope: is taken by ${other.provider}, got "${scope}"`;
  }
  return undefined;
}

const LINE_CHARS_MAX = 300;

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, LINE_CHARS_MAX);
}

const MARK = '?headgate-source';

/**
 * U1, U3: runs in Node's loader, beside the program. What a marked module imports by a path of its own
 * belongs to it; packages are what they are.
 */
const HOOKS = `
import { readFile } from 'node:fs/promises';
const MARK = ${JSON.stringify(MARK)};
const modules = new Set();
let own = {};
export const initialize = (data) => { own = data; };
export async function resolve(name, context, next) {
  if (Object.hasOwn(own, name)) return next(own[name], context);
  const isMarked = name.endsWith(MARK);
  const found = await next(isMarked ? name.slice(0, -MARK.length) : name, context);
  const isTheirs = modules.has(context.parentURL) && !found.url.includes('/node_modules/');
  if (!isMarked && !isTheirs) return found;
  if (!/^file:.*\\.m?js$/.test(found.url)) return found;
  modules.add(found.url);
  return { ...found, format: 'module' };
}
export async function load(url, context, next) {
  if (!modules.has(url)) return next(url, context);
  return { format: 'module', source: await readFile(new URL(url)), shortCircuit: true };
}
`;

let isRegistered = false;

function meanThisProgram(): void {
  if (isRegistered) return;
  isRegistered = true;
  register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, {
    data: {
      headgate: new URL('../public.js', import.meta.url).href,
      'headgate/testing': new URL('../testing/index.js', import.meta.url).href,
    },
  });
}
