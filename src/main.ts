#!/usr/bin/env node
/**
 * The process: hands the command line to the command, and the command what it may need. A command that
 * only speaks to a service must answer at once: what the service is made of is loaded when it is to run.
 */
import { readFileSync } from 'node:fs';
import { program, type OfflineTokens, type VerifyReport } from './cli/index.js';
import { optionsHelp, optionSwitches } from './config/help.js';
import { systemRandom } from './kernel/random.js';
import { systemClock } from './kernel/time.js';
import { scenarioList } from './sources/sandbox/scenarios.js';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };

process.exitCode = await program({
  version,
  switches: optionSwitches(),
  optionsHelp: optionsHelp(),
  scenarios: scenarioList(),
  async serve(flags) {
    const { runService } = await import('./serve.js');
    return runService({ version, flags });
  },
  async demo(flags, scenario) {
    const { runService } = await import('./serve.js');
    return runService({ version, flags, demo: scenario === undefined ? {} : { scenario } });
  },
  verify,
  offlineTokens: { create: createToken },
}).run(process.argv.slice(2));

async function verify(file: string): Promise<VerifyReport> {
  const { verifyJournalFile } = await import('./journal/index.js');
  const { events, streams, first } = await verifyJournalFile(file);
  if (first === undefined) return { events, streams, damage: [] };
  const { stream, revision, detail } = first;
  const where = {
    ...(stream !== undefined && { stream }),
    ...(revision !== undefined && { revision }),
  };
  return { events, streams, damage: [{ ...where, detail }] };
}

async function createToken(
  ...[file, wish]: Parameters<OfflineTokens['create']>
): ReturnType<OfflineTokens['create']> {
  const { offlineTokens } = await import('./app/offline-tokens.js');
  // As the service of the same environment would be called.
  const node = process.env['HEADGATE_NODE_NAME'] ?? 'node-1';
  return offlineTokens({ clock: systemClock(), random: systemRandom(), node }).create(file, wish);
}
