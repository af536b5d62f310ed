/** `headgate breaker config` and `simulate`: what a breaker obeys, and what another rule would have done. */
import type { Command } from 'commander';
import { BreakerConfig } from '../../gen/headgate/v1/breaker.js';
import {
  CollectorServiceService as Collectors,
  UpdateCircuitBreakerRequest,
} from '../../gen/headgate/v1/collector_service.js';
import {
  HistoryServiceService as History,
  SimulateBreakerRequest,
} from '../../gen/headgate/v1/history_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { momentGiven, settingsGiven, several } from '../given.js';
import type { Setting, Since } from '../given.js';
import { answerLines } from '../render/answers.js';
import { configPairs, simulatedLines, transitionLines } from '../render/breaker-lines.js';
import { heading, pairLines } from '../render/page.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addUpstream, SETTINGS, SETTINGS_HELP, upstreamOf } from './breaker-options.js';
import { addGuards, guardedOne } from './guards.js';
import type { GuardFlags } from './guards.js';
import { spanOf } from './span.js';

type ConfigFlags = ClientFlags &
  GuardFlags & { readonly upstream?: string; readonly unset?: readonly string[] };
type SimulateFlags = ClientFlags & {
  readonly upstream?: string;
  readonly from?: Since;
  readonly to?: Since;
};

export function addBreakerConfig(group: Command, open: Opener): void {
  const config = clientCommand(group, 'config', 'show what a breaker obeys, or change it', [
    'breaker config moralis',
    'breaker config moralis failure_threshold=3 open_ms=60000',
    'breaker config moralis --unset failure_threshold',
  ])
    .argument('<name>', 'the collector')
    .argument('[key=value...]', 'settings to change, at once and for good; `key=` as --unset')
    .option('--unset <key>', 'give it back to the configuration; several times for more', several)
    .addHelpText('after', `\n${SETTINGS_HELP}`);
  addUpstream(config);
  addGuards(config);
  config.action((name: string, pairs: readonly string[], flags: ConfigFlags) => {
    const unset = (flags.unset ?? []).map((key) => `${key}=`);
    const settings = settingsGiven([...pairs, ...unset], SETTINGS);
    return open(flags, (session) =>
      settings.length === 0
        ? showConfig(session, name, flags)
        : setConfig(session, name, settings, flags),
    );
  });
  const simulate = clientCommand(
    group,
    'simulate',
    'what a breaker would have done under other settings, over its real history',
    [
      'breaker simulate moralis failure_threshold=3',
      'breaker simulate moralis window_ms=120000 --from 7d --to 1d',
    ],
  )
    .argument('<name>', 'the collector')
    .argument('<key=value...>', 'settings it would have obeyed; the others are as they are')
    .option('--from <moment>', 'from here on: ISO 8601 with an offset, or ago', momentGiven)
    .option('--to <moment>', 'until here', momentGiven)
    .addHelpText('after', `\n${SETTINGS_HELP}`);
  addUpstream(simulate);
  simulate.action((name: string, pairs: readonly string[], flags: SimulateFlags) => {
    const wanted = configOf(whole(settingsGiven(pairs, SETTINGS)));
    return open(flags, (session) => simulated(session, name, wanted, flags));
  });
}

/** Those that have a value; the others stay absent. */
function configOf(settings: readonly Setting[]): BreakerConfig {
  return BreakerConfig.fromPartial(Object.fromEntries(settings));
}

/** @throws {UsageInvalid} a setting without a value: there is nothing it could be given back to. */
function whole(settings: readonly Setting[]): readonly Setting[] {
  const empty = settings.filter(([, value]) => value === undefined);
  if (empty.length > 0) throw new UsageInvalid(empty.map(([name]) => `${name}: needs a value`));
  return settings;
}

async function showConfig(session: Session, name: string, flags: ConfigFlags): Promise<undefined> {
  const request = { name, ...upstreamOf(flags) };
  const answer = await session.ask(Collectors.getCircuitBreakerConfig, request);
  session.show(answer, () => {
    const view = session.view();
    const { upstream, config_revision: revision, etag, config } = answer;
    const title = `${name}, ${upstream}: configuration ${String(revision)}, etag ${etag}`;
    return [heading(title, view), ...(config === null ? [] : pairLines(configPairs(config), view))];
  });
  return undefined;
}

async function setConfig(
  session: Session,
  name: string,
  settings: readonly Setting[],
  flags: ConfigFlags,
): Promise<undefined> {
  const request = UpdateCircuitBreakerRequest.fromPartial({
    name,
    config: configOf(settings),
    // What it names and `config` has not is given back.
    update_mask: settings.map(([key]) => key),
    ...upstreamOf(flags),
    ...guardedOne(flags),
  });
  const answer = await session.ask(Collectors.updateCircuitBreaker, request);
  session.show(answer, () => {
    const view = session.view();
    const lines = answerLines(answer, view);
    const { updated_config: config, dry_run: isDry } = answer;
    return config === null || isDry ? lines : [...lines, ...pairLines(configPairs(config), view)];
  });
  return undefined;
}

async function simulated(
  session: Session,
  name: string,
  config: BreakerConfig,
  flags: SimulateFlags,
): Promise<undefined> {
  const request = SimulateBreakerRequest.fromPartial({
    name,
    config,
    ...upstreamOf(flags),
    ...spanOf(flags, session.clock.now()),
  });
  const answer = await session.ask(History.simulateBreaker, request);
  session.show(answer, () => {
    const view = session.view();
    const { actual, simulated: would, calls } = answer;
    return [
      ...simulatedLines(actual, would, view),
      '',
      heading(`What would have happened, over ${String(calls)} counted calls`, view),
      ...transitionLines(would?.transitions ?? [], view),
    ];
  });
  return undefined;
}
