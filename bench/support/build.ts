/**
 * Compiles what is measured, as `npm run build` would: tsx, which runs everything else here, wraps each
 * function it makes to keep its name, and a closure made per call then costs three times as much.
 *
 * Types are not checked (`npm run types` does); a file is compiled again when it has changed.
 */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the checkout, so that packages are found; where nobody looks. */
const OUT = join(ROOT, 'node_modules', '.cache', 'headgate-bench');
const ROOMS = ['src', 'bench', 'test/support'];

/** Compiles whatever has changed. Answers where the compiled form of a file of this folder lies. */
export function build(): (name: string) => string {
  const options = compilerOptions();
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, 'package.json'), '{ "type": "module", "version": "bench" }\n');
  // What the service reads besides its code.
  cpSync(join(ROOT, 'proto'), join(OUT, 'proto'), { recursive: true });
  const known = new Set<string>();
  for (const room of ROOMS) {
    for (const file of typescriptFiles(room)) {
      const target = join(OUT, file.replace(/\.ts$/, '.js'));
      known.add(target);
      compile(join(ROOT, file), target, options);
    }
  }
  for (const file of filesBelow(OUT)) if (file.endsWith('.js') && !known.has(file)) rmSync(file);
  return (name) => join(OUT, 'bench', 'support', name);
}

function compilerOptions(): ts.CompilerOptions {
  const path = join(ROOT, 'tsconfig.build.json');
  const { options } = ts.getParsedCommandLineOfConfigFile(
    path,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => undefined,
    },
  ) ?? { options: {} };
  // A file on its own does not know that its package is one of ES modules.
  return { ...options, module: ts.ModuleKind.ESNext, declaration: false, sourceMap: false };
}

function compile(source: string, target: string, compilerOptions: ts.CompilerOptions): void {
  const changedAt = statSync(source).mtimeMs;
  const builtAt = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtAt > changedAt) return;
  const text = readFileSync(source, 'utf8');
  const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: source });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, outputText);
}

function typescriptFiles(room: string): readonly string[] {
  return filesBelow(join(ROOT, room))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => path.slice(ROOT.length));
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
