/** Every benchmark there is, by name, in the order of RESULTS.md. Loaded only when it is run. */
import type { BenchOptions } from './options.js';
import type { Report } from './report.js';

type Benchmark = (options: BenchOptions) => Promise<Report>;

export const benchmarks = {
  'guarded-call': async () => (await import('../guarded-call.js')).guardedCall,
  'guarded-rates': async () => (await import('../guarded-rates.js')).guardedRates,
  permit: async () => (await import('../permit.js')).permit,
  fold: async () => (await import('../fold.js')).foldRates,
  recovery: async () => (await import('../recovery.js')).recovery,
  'journal-append': async () => (await import('../journal-append.js')).journalAppend,
  'durable-commands': async () => (await import('../durable-commands.js')).durableCommands,
  'cold-start': async () => (await import('../cold-start.js')).coldStart,
  projector: async () => (await import('../projector.js')).projector,
  rest: async () => (await import('../rest.js')).rest,
  grpc: async () => (await import('../grpc.js')).grpc,
  watchers: async () => (await import('../watchers.js')).watchers,
  scrape: async () => (await import('../scrape.js')).scrape,
  'thousand-collectors': async () => (await import('../thousand-collectors.js')).thousandCollectors,
} as const satisfies Readonly<Record<string, () => Promise<Benchmark>>>;

export type BenchmarkName = keyof typeof benchmarks;

export function isBenchmark(name: string): name is BenchmarkName {
  return Object.hasOwn(benchmarks, name);
}
