/** A benchmark's own process: runs the one it is told, sends its report to main.ts. */
import type { BenchOptions } from './options.js';
import { benchmarks, isBenchmark } from './registry.js';
import { loadLine, machineLine, type Measurement } from './report.js';

const [name = '', options = '{}'] = process.argv.slice(2);
if (!isBenchmark(name)) throw new Error(`there is no benchmark ${name}`);
const before = loadLine();
const asked = JSON.parse(options) as BenchOptions;
const run = await benchmarks[name]();
const report = await run(asked);
const measurement: Measurement = {
  ...report,
  at: new Date().toISOString().slice(0, 16).replace('T', ' '),
  machine: machineLine(),
  load: `${before} → ${loadLine()}`,
  arguments: argumentsOf(asked),
};
process.send?.(measurement);
process.disconnect();

function argumentsOf({ rounds, full, events }: BenchOptions): string {
  const size = events === undefined ? '' : `, --events ${String(events)}`;
  return `${String(rounds)} rounds, ${full ? 'full' : 'small'} sizes${size}`;
}
