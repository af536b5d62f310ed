/**
 * The outside world behind the Transport port: it counts what it sees, enforces its limits, has its
 * weather, and answers with a delay. It outlives every process; what it answers to a dead one is lost.
 */
import type { Random } from '../../src/kernel/random.js';
import type { MonotonicMs } from '../../src/kernel/types.js';
import type { Exchange, OutgoingRequest, Transport } from '../../src/sources/port.js';
import { simBinance, tooMuch } from './simulation-binance.js';
import { consumed, simMoralis } from './simulation-moralis.js';
import type { Provider, ProviderName, Said } from './simulation-provider.js';
import type { SimTime } from './simulation-time.js';

export const FAULTS = [
  'down',
  'busy',
  'throttle',
  'hang',
  'reset',
  'refused',
  'slow',
  'garbage',
  'huge',
  'auth',
  'ban',
  'quota',
] as const;
export type Fault = (typeof FAULTS)[number];
export type Weather = { readonly fault: Fault; readonly share: number };

export type SimCall = {
  readonly collector: string;
  readonly provider: ProviderName;
  readonly weight: number;
  readonly at: MonotonicMs;
};

/** What came back, as far as limits and breakers care. */
export type Came = {
  /** A success or a failure: the others give a probe's permit back. */
  readonly isCounted: boolean;
  /** The upstream said stop, for so long; 0: it did not say how long. */
  readonly pauseMs?: number;
  /** What it said is used of its window, this call included. */
  readonly used?: { readonly window: number; readonly units: number };
};

/** Hears of everything, at once. */
export type Onlooker = {
  readonly sent: (call: SimCall) => void;
  readonly came: (call: SimCall, came: Came) => void;
};

export type SimUpstream = {
  /** The wire of one process. */
  wire(process: { readonly isDead: () => boolean }): Transport;
  weather(provider: ProviderName, weather: Weather | undefined): void;
  readonly providers: Readonly<Record<ProviderName, Provider>>;
  readonly plan: { unitsPerDay: number };
  /** Calls that have not been answered, of living processes. */
  inFlight(): number;
};

type Answer = { readonly exchange: Exchange; readonly came: Came; readonly afterMs: number };

export function simUpstream(
  time: SimTime,
  random: Random,
  onlooker: Onlooker,
  unitsPerDay: number,
): SimUpstream {
  const plan = { unitsPerDay };
  const providers = {
    binance: simBinance(time.truth, random),
    moralis: simMoralis(time.truth, random, plan),
  };
  const skies: Partial<Record<ProviderName, Weather>> = {};
  let inFlight = 0;

  const answerTo = (call: SimCall, request: OutgoingRequest): Answer => {
    const sky = skies[call.provider];
    const struck = sky !== undefined && random.next() < sky.share ? sky.fault : undefined;
    if (struck === 'ban') providers[call.provider].ban(between(random, 60_000, 400_000));
    const said = providers[call.provider].arrive(request.url);
    const latencyMs = between(random, 5, 400);
    const answer =
      said.status >= 400 || struck === undefined
        ? saying(time, said, latencyMs)
        : weathered(struck, { time, random, said, latencyMs, request, call });
    if (answer.exchange.headers?.['x-mbx-used-weight-1m'] === undefined) return answer;
    const { window, used: units } = providers[call.provider].seen();
    return { ...answer, came: { ...answer.came, used: { window, units } } };
  };

  return {
    providers,
    plan,
    inFlight: () => inFlight,
    weather(provider, weather) {
      if (weather === undefined) Reflect.deleteProperty(skies, provider);
      else skies[provider] = weather;
    },
    wire: (process) => ({
      send(request) {
        if (process.isDead()) return new Promise<Exchange>(() => undefined);
        const call = callOf(request, providers, time.monotonic());
        inFlight += 1;
        onlooker.sent(call);
        const answer = answerTo(call, request);
        return new Promise((resolve) => {
          let isOver = false;
          const end = (exchange: Exchange, came: Came): void => {
            if (isOver) return;
            isOver = true;
            cancel();
            inFlight -= 1;
            if (process.isDead()) return;
            onlooker.came(call, came);
            resolve(exchange);
          };
          const cancel = time.after(answer.afterMs, () => {
            end(answer.exchange, answer.came);
          });
          request.signal.addEventListener('abort', () => {
            const durationMs = time.monotonic() - call.at;
            const aborted = { kind: 'failed', cause: 'aborted', message: 'aborted' } as const;
            end({ ...aborted, durationMs }, { isCounted: false });
          });
        });
      },
      close: () => Promise.resolve(),
    }),
  };
}

/** The collector is the first label of the host: that is all the upstream knows of it. */
function callOf(
  { url }: OutgoingRequest,
  providers: Readonly<Record<ProviderName, Provider>>,
  at: MonotonicMs,
): SimCall {
  const [collector = '', name] = url.hostname.split('.');
  const provider = name === 'moralis' ? 'moralis' : 'binance';
  return { collector, provider, weight: providers[provider].weight(url), at };
}

export function between(random: Random, low: number, high: number): number {
  return low + random.next() * (high - low);
}

function saying(time: SimTime, said: Said, afterMs: number): Answer {
  const { status, pauseMs, dateAfterMs } = said;
  const headers = { 'content-type': 'application/json', ...said.headers };
  let pause = pauseMs;
  if (dateAfterMs !== undefined) {
    // To a clock that is an hour wrong a date is an hour away: it is told in seconds then.
    const isRight = time.shift() === 0;
    const date = new Date(time.truth() + afterMs + dateAfterMs).toUTCString();
    const seconds = String(Math.ceil(dateAfterMs / 1000));
    Object.assign(headers, { 'retry-after': isRight ? date : seconds });
    pause = isRight ? dateAfterMs - 1000 : dateAfterMs; // a date has whole seconds
  }
  const body = Buffer.from(said.body);
  const isThrottled = pauseMs !== undefined || dateAfterMs !== undefined;
  const isCounted = status < 300 || status === 408 || (status >= 500 && !isThrottled);
  const came = { isCounted, ...(pause !== undefined && { pauseMs: pause }) };
  const exchange = { kind: 'answered', status, headers, body, durationMs: afterMs } as const;
  return { exchange, came, afterMs };
}

type Struck = {
  readonly time: SimTime;
  readonly random: Random;
  readonly said: Said;
  readonly latencyMs: number;
  readonly request: OutgoingRequest;
  readonly call: SimCall;
};

function weathered(fault: Fault, struck: Struck): Answer {
  const { time, random, said, latencyMs, request } = struck;
  const fail = (
    cause: Extract<Exchange, { kind: 'failed' }>['cause'],
    afterMs: number,
  ): Answer => ({
    exchange: { kind: 'failed', cause, message: fault, durationMs: afterMs },
    came: { isCounted: true },
    afterMs,
  });
  switch (fault) {
    case 'hang':
      return fail('timeout', request.timeoutMs);
    case 'reset':
    case 'refused':
      return fail(fault, latencyMs);
    case 'huge':
      return fail('too_large', latencyMs);
    case 'slow':
      return saying(time, said, request.timeoutMs * between(random, 0.55, 0.9));
    default:
      return saying(time, insteadOf(fault, struck), latencyMs);
  }
}

/** What the upstream says instead of what was asked for. */
function insteadOf(
  fault: Exclude<Fault, 'hang' | 'reset' | 'refused' | 'huge' | 'slow'>,
  { random, said, call }: Struck,
): Said {
  const { headers } = said;
  const one = <T>(first: T, ...others: readonly T[]): T =>
    [first, ...others][Math.floor(random.next() * (1 + others.length))] ?? first;
  switch (fault) {
    case 'down':
      return { status: one(500, 502, 503, 408), headers, body: '<html>oops</html>' };
    case 'busy': {
      const seconds = Math.ceil(between(random, 1, 30));
      const told = { ...headers, 'retry-after': String(seconds) };
      return { status: 503, headers: told, body: 'busy', pauseMs: seconds * 1000 };
    }
    case 'throttle':
      return tooMuch(random, between(random, 1000, 60_000), headers);
    case 'garbage':
      return { status: 200, headers, body: one('<html>', '[[1,2', '{"result":7}') };
    case 'auth':
      return { status: 401, headers, body: '{"message":"Invalid key"}' };
    case 'ban':
    case 'quota':
      return call.provider === 'moralis' ? consumed() : tooMuch(random, 5000, headers);
  }
}
