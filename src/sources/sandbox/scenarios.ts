/**
 * What goes wrong in the world of upstreams, by name: which faults hold where, one phase after another.
 * Data; scenario-run.ts plays it. A fault whose words a provider does not have is left out there.
 *
 * Written for intervals of a few seconds: the point shows within about a minute. `stretch` makes every
 * phase longer for slower collectors.
 */
import { SECOND_MS } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { ProviderName } from './catalogue.js';
import type { Fault } from './fault-schemas.js';

export type ScenarioPhase = {
  readonly name: string;
  /** One line for people: what happens now. */
  readonly says: string;
  readonly forMs: DurationMs;
  /** `all`: at every provider. Those of a provider come before them. */
  readonly faults: Readonly<Partial<Record<ProviderName | 'all', readonly Fault[]>>>;
};

export type Scenario = {
  /** What it is, and what it shows of the product. */
  readonly about: string;
  readonly phases: readonly ScenarioPhase[];
};

const seconds = (count: number): DurationMs => count * SECOND_MS;
const calm = (name: string, says: string, forMs: DurationMs): ScenarioPhase => ({
  name,
  says,
  forMs,
  faults: {},
});
const fair = (): ScenarioPhase => calm('fair', 'every upstream is well', seconds(8));
const after = (): ScenarioPhase =>
  calm('after', 'every upstream is well again; watch what recovers', seconds(30));

export const SCENARIOS = {
  calm: {
    about: 'nothing goes wrong: what it looks like when all is well',
    phases: [calm('calm', 'every upstream is well', seconds(60))],
  },
  'throttle-storm': {
    about:
      'everyone says "too many requests": rates are cut, pauses kept, rates come back; no breaker',
    phases: [
      fair(),
      {
        name: 'storm',
        says: 'every upstream answers "too many requests", as it words it',
        forMs: seconds(20),
        faults: { all: [{ kind: 'throttled' }] },
      },
      {
        name: 'ebb',
        says: 'every third request is still one too many',
        forMs: seconds(10),
        faults: { all: [{ kind: 'throttled', rate: 0.33 }] },
      },
      calm(
        'after',
        'every upstream is well again; who was told to stay away for minutes (X, Reddit) does so',
        seconds(30),
      ),
    ],
  },
  'slow-death': {
    about:
      'answers get slower, then do not come, then nobody listens: breakers open, and close again',
    phases: [
      fair(),
      {
        name: 'slow',
        says: 'answers take two to three seconds',
        forMs: seconds(15),
        faults: { all: [{ kind: 'latency', ms: 2000, jitterMs: 1000 }] },
      },
      {
        name: 'hanging',
        says: 'requests are taken and never answered',
        forMs: seconds(15),
        faults: { all: [{ kind: 'timeout' }] },
      },
      {
        name: 'dead',
        says: 'connections are refused',
        forMs: seconds(10),
        faults: { all: [{ kind: 'unreachable' }] },
      },
      after(),
    ],
  },
  flapping: {
    about:
      'upstreams go down and come back: breakers open, probe, close; each relapse waits longer',
    phases: [
      fair(),
      {
        name: 'down',
        says: 'every upstream answers 503 with a page of HTML',
        forMs: seconds(16),
        faults: { all: [{ kind: 'status', status: 503, body: 'html' }] },
      },
      calm('up', 'every upstream is back', seconds(12)),
      {
        name: 'down again',
        says: 'connections are reset before any answer',
        forMs: seconds(16),
        faults: { all: [{ kind: 'reset', at: 'before_headers' }] },
      },
      calm('up again', 'every upstream is back', seconds(12)),
      {
        name: 'flutter',
        says: 'two seconds up, two seconds down: connections are refused',
        forMs: seconds(12),
        faults: {
          all: [{ kind: 'unreachable', cycle: { onMs: seconds(2), offMs: seconds(2) } }],
        },
      },
      after(),
    ],
  },
  ban: {
    about:
      'an upstream bans this address: nothing is sent until the ban ends; no breaker, no other scope',
    phases: [
      fair(),
      {
        name: 'banned',
        says: 'Binance answers 418: this address is banned for 25 seconds',
        forMs: seconds(25),
        faults: { binance: [{ kind: 'ban', seconds: 25, count: 1 }] },
      },
      calm('after', 'no new bans; the one that stands ends by itself', seconds(30)),
    ],
  },
  'quota-gone': {
    about: 'plans are used up: their buckets are blocked until the period rolls; the others go on',
    phases: [
      fair(),
      {
        name: 'used up',
        says: 'every upstream with a plan says that it is used up',
        forMs: seconds(20),
        faults: { all: [{ kind: 'quota_gone' }] },
      },
      calm(
        'paid',
        'the plans were upgraded: POST /collectors/{name}/quota/unblock goes on at once',
        seconds(30),
      ),
    ],
  },
  'schema-drift': {
    about:
      'upstreams change their rows: nothing wrong is recorded, evidence is kept, breakers open',
    phases: [
      fair(),
      {
        name: 'added',
        says: 'rows have a member that nobody knows: no harm, or plainly refused',
        forMs: seconds(8),
        faults: { all: [{ kind: 'schema_drift', drift: 'add' }] },
      },
      {
        name: 'renamed',
        says: 'members of the rows have other names',
        forMs: seconds(16),
        faults: { all: [{ kind: 'schema_drift', drift: 'rename' }] },
      },
      {
        name: 'retyped',
        says: 'numbers come as texts and texts as numbers',
        forMs: seconds(10),
        faults: { all: [{ kind: 'schema_drift', drift: 'retype' }] },
      },
      after(),
    ],
  },
  garbage: {
    about:
      'answers are nonsense: pages of HTML, half bodies, bombs; told as bad data, in bounded memory',
    phases: [
      fair(),
      {
        name: 'nonsense',
        says: 'pages of HTML, cut JSON, random bytes, wrong encodings',
        forMs: seconds(16),
        faults: {
          all: [
            { kind: 'invalid_json', form: 'html', rate: 0.25 },
            { kind: 'invalid_json', form: 'cut', rate: 0.33 },
            { kind: 'garbage', rate: 0.5 },
            { kind: 'charset' },
          ],
        },
      },
      {
        name: 'bombs',
        says: 'endless bodies, plain and compressed, and bodies cut short',
        forMs: seconds(16),
        faults: {
          all: [
            { kind: 'gzip_bomb', rate: 0.33 },
            { kind: 'huge', rate: 0.5 },
            { kind: 'truncated' },
          ],
        },
      },
      after(),
    ],
  },
} satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof SCENARIOS;

// Sound: the keys of a const object are its keys.
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as readonly ScenarioName[];

/** Each scenario with its one line. */
export function scenarioList(): readonly { readonly name: ScenarioName; readonly about: string }[] {
  return SCENARIO_NAMES.map((name) => ({ name, about: SCENARIOS[name].about }));
}
