/**
 * The sandbox without anything to reach it by: its providers, limits, ledger, faults, scenarios. Served
 * over HTTP (server.ts) and without a wire (in-process.ts) by the same rules.
 *
 * All time comes from the clock and all chance from the random: the same seed, clock and requests give
 * the same answers.
 */
import { silentLogger, type Logger } from '../../kernel/observe.js';
import { seededRandom, type Random } from '../../kernel/random.js';
import type { Clock } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import { byProvider, PROVIDER_NAMES, PROVIDERS, type ProviderName } from './catalogue.js';
import { sandboxControl, type SandboxControl, type Sockets } from './control.js';
import type { ExchangeContext, Mounted } from './exchange.js';
import { faultDeck } from './fault-deck.js';
import type { FaultGround } from './fault-kinds.js';
import { hashText } from './hash.js';
import { ledger } from './ledger.js';
import { scenarioRun } from './scenario-run.js';
import { standingOrders } from './standing.js';

export type CoreOptions = {
  readonly clock: Clock;
  /** Drawn from once, at start. */
  readonly random: Random;
  readonly log?: Logger;
  readonly wire: FaultGround['wire'];
  upstreamUrl(provider: ProviderName): string;
  /** Absent: there are none. */
  readonly sockets?: (provider: ProviderName) => Sockets;
  /** Called after every change of what is unreachable, by hand or by a scenario. */
  readonly changed?: () => void;
};

export type SandboxCore = {
  readonly mounted: Readonly<Record<ProviderName, Mounted>>;
  readonly context: ExchangeContext;
  readonly control: SandboxControl;
  /** Ends the scenario and its timer. */
  close(): void;
};

/** A provider with all its counters at zero. Its chance depends on the seed and its name alone. */
function mount(
  name: ProviderName,
  masterSeed: number,
  { clock, wire }: Pick<CoreOptions, 'clock' | 'wire'>,
): Mounted {
  const provider = PROVIDERS[name];
  const seed = (masterSeed ^ hashText(name)) >>> 0;
  const parts = {
    provider,
    settings: provider.defaults,
    orders: standingOrders(),
    deck: faultDeck(seededRandom(seed)),
  };
  const settings = (): JsonObject => parts.settings;
  const breathe = wire === 'http' ? nextTurn : (): Promise<void> => Promise.resolve();
  const environment = { settings, seed, startedAt: clock.now(), breathe };
  return Object.assign(parts, { state: provider.open(environment) });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Which provider a path means: its name, and what the real base URL has behind the host. */
export function providerOf(path: string): ProviderName | undefined {
  return PROVIDER_NAMES.find((name) => path.startsWith(`${prefixOf(name)}/`));
}

/** What a provider's paths begin with. */
export function prefixOf(name: ProviderName): string {
  return `/${name}${PROVIDERS[name].basePath}`;
}

export function sandboxCore(options: CoreOptions): SandboxCore {
  const { clock, log = silentLogger, random, changed = () => undefined } = options;
  const masterSeed = Math.floor(random.next() * 2 ** 32);
  const mountAll = (): Record<ProviderName, Mounted> =>
    byProvider((name) => mount(name, masterSeed, options));
  const mounted = mountAll();
  const book = ledger();
  const scenario = scenarioRun({ clock, mounted, changed });
  const control = sandboxControl({
    clock,
    startedAt: clock.now(),
    mounted,
    ledger: book,
    scenario,
    wire: options.wire,
    upstreamUrl: (name) => options.upstreamUrl(name),
    sockets: options.sockets ?? (() => ({ listening: false, open: 0, opened: 0 })),
    remount: () => {
      Object.assign(mounted, mountAll());
    },
    changed,
  });
  return {
    mounted,
    context: { clock, ledger: book, log },
    control,
    close: () => {
      scenario.stop();
    },
  };
}
