/** A case for every command of the table: what it is asked with when it works, and what else it refuses. */
import type { StoredEvent } from '../../src/journal/port.js';
import type { ProviderName } from '../../src/sources/sandbox/index.js';
import { until } from './app-http.js';
import { both, inPhase } from './parity-pair.js';
import type { Pair, PerSide, Side } from './parity-pair.js';
import type { Guards, Input } from './parity-requests.js';

export type Refused = {
  readonly what: string;
  readonly input: Input;
  readonly guards?: Guards;
  readonly code: string;
};

export type CommandCase = {
  readonly operation: string;
  /** Brings both services where the command works. */
  readonly before?: (pair: Pair) => Promise<void>;
  /** Refusals that only this state has, before it works. */
  readonly refused?: readonly Refused[];
  /** The good case. Each side's own ids are in it. */
  readonly good: PerSide;
  readonly between?: (pair: Pair) => Promise<void>;
  /** The good case once more, without a key: what it is then; absent: it changes nothing. */
  readonly again?: { readonly code: string } | { readonly changed: boolean | undefined };
  /** What an outdated etag gets, where the command has one; absent: it is stale. */
  readonly etag?: { readonly code: string };
  /** What a repeat by the same key says anew. */
  readonly repeatedBut?: readonly string[];
  /** Protections that the rpc has no field for, each with why. */
  readonly unsaid?: Readonly<Partial<Record<keyof Guards, string>>>;
  /** Learns what the answer shows once. */
  readonly learned?: (side: Side, answer: Readonly<Record<string, unknown>>) => void;
};

const upstreams = [
  {
    what: 'of an upstream it does not have',
    input: { upstream: 'nowhere' },
    code: 'invalid_input',
  },
];

/** What each side was given: a permit, a token. */
const given = new WeakMap<Side, { permit?: string; tokens: string[] }>();

type Token = { readonly id: string };

function ofSide(side: Side): { permit?: string; tokens: string[] } {
  const known = given.get(side) ?? { tokens: [] };
  given.set(side, known);
  return known;
}

async function afterFirstRun(pair: Pair, name: string): Promise<void> {
  for (const { app } of [pair.rest, pair.grpc]) {
    const isOver = (event: StoredEvent): boolean =>
      event.stream === `collector-${name}` && event.type === 'RunSucceeded';
    await app.event('its first run is over', isOver);
  }
  await inPhase(pair, name, 'idle');
}

/** Right after it connected a run is due: it is over, and the next one is far away. */
async function atRest(pair: Pair, name: string): Promise<void> {
  for (const { app } of [pair.rest, pair.grpc]) {
    await until(`${name} has run since it connected`, async () => {
      const events = await app.events();
      const last = (type: string): number =>
        events.findLast((event) => event.type === type && event.stream === `collector-${name}`)
          ?.position ?? 0;
      return last('RunSucceeded') > last('CollectorConnected');
    });
  }
  await inPhase(pair, name, 'idle');
}

async function faulted(pair: Pair, provider: ProviderName): Promise<void> {
  for (const { app } of [pair.rest, pair.grpc]) {
    app.sandbox().control.setFaults(provider, [{ kind: 'quota_gone' }]);
    const before = await app.head();
    await app.post('/collectors/moralis/collect');
    await app.event('its quota is gone', ({ type }) => type === 'BucketBlocked', before);
    await app.event('it is suspended', ({ type }) => type === 'CollectorSuspended', before);
    app.sandbox().control.clearFaults(provider);
  }
}

/** In the order in which they are walked: each begins where the one before ended. */
export const COMMAND_CASES: readonly CommandCase[] = [
  {
    operation: 'updateRateLimit',
    refused: [{ what: 'of nothing', input: {}, code: 'invalid_input' }],
    good: { name: 'moralis', max_requests_per_second: 30, backoff_multiplier: 4, reason: 'calm' },
  },
  {
    operation: 'updateCircuitBreaker',
    refused: [
      ...upstreams.map((each) => ({ ...each, input: { ...each.input, failure_threshold: 7 } })),
      { what: 'of nothing', input: {}, code: 'invalid_input' },
      {
        what: 'that never trips',
        input: { failure_threshold: 0, minimum_calls: 10_000, window_ms: 1000 },
        code: 'would_never_trip',
      },
    ],
    good: { name: 'moralis', failure_threshold: 7, open_ms: 20_000, reason: 'patience' },
  },
  {
    operation: 'setCircuitBreakerState',
    refused: upstreams.map((each) => ({ ...each, input: { ...each.input, state: 'open' } })),
    good: { name: 'moralis', state: 'metrics_only', ttl_seconds: 3600, reason: 'look' },
    again: { changed: true },
  },
  {
    operation: 'resetCircuitBreaker',
    refused: upstreams,
    good: { name: 'moralis', reason: 'afresh' },
    again: { changed: true },
  },
  {
    operation: 'updateCursor',
    refused: [
      {
        what: 'without series, of which there are none',
        input: { cursor: '1' },
        code: 'invalid_input',
      },
      {
        what: 'to what is no JSON',
        input: { series: 's', cursor: '{' },
        code: 'invalid_input',
      },
    ],
    good: { name: 'moralis', series: 's', cursor: '{"from":1}', reason: 'gap' },
    again: { changed: true },
  },
  {
    operation: 'batchCollectors',
    refused: [
      { what: 'of nobody', input: { action: 'enable' }, code: 'invalid_input' },
      {
        what: 'of one twice',
        input: { action: 'enable', names: ['moralis', 'moralis'] },
        code: 'invalid_input',
      },
      {
        what: 'for a time that its action does not have',
        input: { action: 'restart', names: ['moralis'], ttl_seconds: 5 },
        code: 'invalid_input',
      },
    ],
    good: { names: ['moralis', 'nobody'], action: 'open_circuit_breaker', reason: 'work' },
    again: { changed: undefined },
    unsaid: { ifMatch: 'a batch has no single revision' },
  },
  {
    operation: 'collectNow',
    before: async (pair) => {
      pair.hasRun = true;
      for (const { app } of [pair.rest, pair.grpc]) {
        await app.post('/collectors/moralis/circuit-breaker/reset');
        await app.post('/collectors/historical/enable');
      }
      await afterFirstRun(pair, 'historical');
    },
    refused: [{ what: 'while it is disabled', input: { name: 'moralis' }, code: 'illegal_state' }],
    good: { name: 'historical', reason: 'now' },
    between: (pair) => inPhase(pair, 'historical', 'idle'),
    again: { changed: true },
  },
  {
    operation: 'restartCollector',
    before: (pair) => atRest(pair, 'historical'),
    refused: [{ what: 'while it is disabled', input: { name: 'moralis' }, code: 'illegal_state' }],
    good: { name: 'historical', reason: 'afresh' },
    between: (pair) => atRest(pair, 'historical'),
    again: { changed: true },
  },
  {
    operation: 'enableCollector',
    good: { name: 'moralis', ttl_seconds: 7200, reason: 'day' },
    // It is enabled for two hours from now on.
    again: { changed: true },
  },
  {
    operation: 'acquirePermit',
    before: (pair) => afterFirstRun(pair, 'moralis'),
    refused: upstreams.map((each) => ({
      ...each,
      input: { ...each.input, endpoint: 'erc20_transfers' },
    })),
    good: { name: 'moralis', endpoint: 'erc20_transfers', ttl_seconds: 600, max_wait_seconds: 2 },
    again: { changed: undefined },
    repeatedBut: ['/timestamp'],
    learned: (side, { permit }) => {
      ofSide(side).permit = (permit as { permit_id: string }).permit_id;
    },
    unsaid: { ifMatch: 'it changes no revision', dryRun: 'asking is trying' },
  },
  {
    operation: 'reportPermit',
    refused: [
      {
        what: 'of a permit that was never lent',
        input: { permit_id: 'nothing', outcome: 'ok' },
        code: 'permit_not_found',
      },
    ],
    good: (side) => ({
      permit_id: ofSide(side).permit,
      outcome: 'ok',
      status: 200,
      duration_seconds: 0.25,
    }),
    again: { changed: undefined },
    unsaid: { key: 'the permit is the key', ifMatch: 'no revision', dryRun: 'it tells what was' },
  },
  {
    operation: 'unblockQuota',
    before: (pair) => faulted(pair, 'moralis'),
    refused: [{ what: 'of no bucket it has', input: { bucket: 'pennies' }, code: 'invalid_input' }],
    good: { name: 'moralis', reason: 'upgraded' },
    again: { code: 'illegal_state' },
  },
  {
    operation: 'unquarantineCollector',
    good: { name: 'moralis', reason: 'looked at it' },
  },
  {
    operation: 'disableCollector',
    before: (pair) => inPhase(pair, 'moralis', 'idle'),
    good: { name: 'moralis', ttl_seconds: 60, reason: 'night' },
    // It is disabled a minute from now on.
    again: { changed: true },
  },
  {
    operation: 'createToken',
    good: { name: 'ops', role: 'admin', ttl_seconds: 86_400, reason: 'begin' },
    again: { code: 'invalid_input' },
    unsaid: { key: 'its answer is kept nowhere', ifMatch: 'tokens have no revision' },
    learned: (side, { secret, token }) => {
      ofSide(side).tokens.push((token as Token).id);
      side.token = String(secret);
    },
  },
  {
    operation: 'revokeToken',
    before: async (pair) => {
      const { rest, grpc } = await both(pair, 'createToken', { name: 'eyes', role: 'viewer' });
      ofSide(pair.rest).tokens.push((rest.body['token'] as Token).id);
      if (grpc.ok) ofSide(pair.grpc).tokens.push((grpc.message['token'] as Token).id);
    },
    refused: [{ what: 'that nobody made', input: { id: '0123456789ab' }, code: 'token_not_found' }],
    good: (side) => ({ id: ofSide(side).tokens[1], reason: 'left' }),
    unsaid: { ifMatch: 'tokens have no revision' },
  },
];
