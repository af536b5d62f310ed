/**
 * Runs benchmarks, each in a process of its own, one after the other.
 *
 *   npm run bench                      all of them, small sizes
 *   npm run bench -- guarded-call      only the named ones
 *   npm run bench -- --full            journals of 1 000 000 events
 *   npm run bench -- --events=200000   journals of this size
 *   npm run bench -- --rounds=9        rounds of what is compared
 *   npm run bench -- --write           puts the results into RESULTS.md
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './support/build.js';
import type { BenchOptions } from './support/options.js';
import { benchmarks, isBenchmark, type BenchmarkName } from './support/registry.js';
import { sectionOf, type Measurement } from './support/report.js';
import { writeResults } from './support/results.js';

const ROUNDS = 9;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    rounds: { type: 'string', default: String(ROUNDS) },
    events: { type: 'string' },
  },
});

const unknown = positionals.filter((name) => !isBenchmark(name));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}`);
  console.error(`there are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}
const names = (
  positionals.length > 0 ? positionals : Object.keys(benchmarks)
) as readonly BenchmarkName[];
const shared = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
process.on('exit', () => {
  rmSync(shared, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
const options: BenchOptions = {
  shared,
  rounds: numberOf('rounds', values.rounds),
  full: values.full,
  events: values.events === undefined ? undefined : numberOf('events', values.events),
};

const compiled = build();
const done: [BenchmarkName, Measurement][] = [];
for (const name of names) {
  console.error(`${name} …`);
  const measurement = await inItsOwnProcess(name);
  if (measurement === undefined) {
    console.error(`${name} failed`);
    process.exitCode = 1;
    continue;
  }
  done.push([name, measurement]);
  console.log(sectionOf(name, measurement));
}
if (values.write) writeResults(done);

async function inItsOwnProcess(name: BenchmarkName): Promise<Measurement | undefined> {
  const child = fork(compiled('one.js'), [name, JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  });
  let measurement: Measurement | undefined;
  child.on('message', (message) => {
    measurement = message as Measurement;
  });
  await once(child, 'exit');
  return measurement;
}

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${flag} takes a whole number above 0, got ${text}`);
  process.exit(2);
}
