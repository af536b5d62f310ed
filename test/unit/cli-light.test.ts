/** What a command loads before it can do anything: never the service it speaks to. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url));

type Loaded = { readonly modules: ReadonlySet<string>; readonly packages: ReadonlySet<string> };

/** All that is loaded with a module, before its first line runs; `import()` is not. */
function loadedWith(entry: string): Loaded {
  const modules = new Set<string>();
  const packages = new Set<string>();
  const open = [join(SOURCES, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const name = relative(SOURCES, file);
    if (modules.has(name)) continue;
    modules.add(name);
    for (const target of imported(file)) {
      if (target.startsWith('.')) open.push(join(dirname(file), target.replace(/\.js$/, '.ts')));
      else if (!target.startsWith('node:')) packages.add(packageOf(target));
    }
  }
  return { modules, packages };
}

/** Imports and exports from elsewhere that are more than types. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'";()=]*?from\s+)?['"]([^'"]+)['"];/gm;

function imported(file: string): readonly string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, target = '']) => target);
}

const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

describe('the command headgate', () => {
  const { modules, packages } = loadedWith('main.ts');

  it('loads for a question to a service only what it asks and shows it with', () => {
    const rooms = new Set([...modules].map((name) => name.split('/')[0]));
    expect([...rooms].sort()).toEqual(['cli', 'config', 'gen', 'kernel', 'main.ts', 'sources']);
    const sources = [...modules].filter((name) => name.startsWith('sources/'));
    expect(sources).toEqual(['sources/sandbox/scenarios.ts']);
    expect([...packages].sort()).toEqual([
      '@bufbuild/protobuf',
      '@grpc/grpc-js',
      'commander',
      'nice-grpc-error-details',
    ]);
  });

  it('loads the service when it is to run: the look at imports above sees what there is', () => {
    const service = loadedWith('serve.ts');
    for (const room of ['app.ts', 'actors/index.ts', 'gateway/index.ts', 'sources/index.ts']) {
      expect(service.modules).toContain(room);
      expect(existsSync(join(SOURCES, room))).toBe(true);
    }
    expect(service.packages).toContain('fastify');
  });
});
