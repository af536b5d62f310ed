/** The configuration file as plain data: which one it is, and what stands in it. */
import { messageOf } from '../kernel/errors.js';
import { parsedFile } from './layers.js';
import type { ConfigProblem } from './problem.js';

export type FileInput = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly name: string; readonly text: string };
};

export type Content = {
  readonly name: string;
  readonly content: Readonly<Record<string, unknown>>;
};

/** What the file holds, or nothing with the reason among the problems. */
export function contentOf(
  input: FileInput,
  readFile: (path: string) => string,
  problems: ConfigProblem[],
): Content {
  const path = input.flags?.['config'] ?? input.env['HEADGATE_CONFIG'] ?? '';
  const nothing: Content = { name: path, content: {} };
  if (input.file === undefined && path === '') return nothing;
  let file = input.file;
  try {
    file ??= { name: path, text: readFile(path) };
  } catch (error) {
    problems.push({ option: 'config', from: path, rule: `cannot be read: ${messageOf(error)}` });
    return nothing;
  }
  const parsed = parsedFile(file.name, file.text);
  if (parsed.ok) return { name: file.name, content: parsed.value };
  problems.push(...parsed.error);
  return nothing;
}
