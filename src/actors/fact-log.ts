/**
 * Says in the log what became durable and an operator would look for: a breaker that opened, a rate that
 * was cut, a quota that ended, a collector that was suspended or steered. Never one line per run.
 */
import type { Logger } from '../kernel/observe.js';
import { isoTime } from '../kernel/time.js';
import type { BreakerFact } from './breaker/index.js';
import type { CollectorFact } from './collector/index.js';
import type { LimiterFact } from './limiter/index.js';
import type { RunningEngine } from './steer.js';

type Fields = Readonly<Record<string, string | number>>;
type Line = { readonly says: string; readonly fields: Fields };

/** Watches every actor of the engine for as long as it lives. */
export function logFacts(engine: Pick<RunningEngine, 'members' | 'scopes'>, log: Logger): void {
  const say = (of: Fields, line: Line | undefined): void => {
    if (line !== undefined) log.info(line.says, { ...of, ...line.fields });
  };
  for (const { setup, handle, upstreams } of engine.members) {
    const collector = setup.name;
    handle.watch((notice) => {
      if (notice.phase !== 'durable') return;
      for (const fact of notice.facts) say({ collector }, collectorLine(fact));
    });
    for (const { name: upstream, handle: breaker } of upstreams) {
      breaker.watch((notice) => {
        if (notice.phase !== 'durable') return;
        for (const fact of notice.facts) say({ collector, upstream }, breakerLine(fact));
      });
    }
  }
  for (const { name: scope, handle } of engine.scopes) {
    handle.watch((notice) => {
      if (notice.phase !== 'durable') return;
      for (const fact of notice.facts) say({ scope }, limiterLine(fact));
    });
  }
}

function collectorLine(fact: CollectorFact): Line | undefined {
  switch (fact.type) {
    case 'CollectorEnabled':
      return { says: 'collector enabled', fields: { reason: fact.reason } };
    case 'CollectorDisabled':
      return { says: 'collector disabled', fields: { reason: fact.reason } };
    case 'CollectorSuspended': {
      const { cause, detail, nextTryMs } = fact;
      return {
        says: 'collector suspended',
        fields: { cause, detail, ...when('until', nextTryMs) },
      };
    }
    case 'SuspensionLifted':
      return { says: 'suspension lifted', fields: { cause: fact.cause } };
    default:
      return undefined;
  }
}

function breakerLine(fact: BreakerFact): Line | undefined {
  switch (fact.type) {
    case 'BreakerTripped':
    case 'BreakerReopened':
      return {
        says: 'breaker opened',
        fields: { ...change(fact), ...when('until', fact.retryAtMs) },
      };
    case 'BreakerProbing':
      return { says: 'breaker half-open', fields: change(fact) };
    case 'BreakerRecovered':
      return { says: 'breaker closed', fields: change(fact) };
    case 'BreakerReset':
      return { says: 'breaker reset', fields: change(fact) };
    case 'BreakerForced': {
      const { override, reason, expiresAtMs } = fact;
      return { says: 'breaker held', fields: { override, reason, ...when('until', expiresAtMs) } };
    }
    case 'BreakerOverrideCleared':
      return { says: 'breaker automatic again', fields: { cause: fact.cause } };
    default:
      return undefined;
  }
}

function limiterLine(fact: LimiterFact): Line | undefined {
  switch (fact.type) {
    case 'Throttled': {
      const { collector, endpoint, status, backoff, pauseUntilMs } = fact;
      const fields = { collector, endpoint, status, backoff, ...when('until', pauseUntilMs) };
      return { says: 'rate cut', fields };
    }
    case 'EpisodeEnded':
      return { says: 'rate steady again', fields: { cuts: fact.cuts } };
    case 'BucketBlocked': {
      const { bucket, cause, detail, untilMs } = fact;
      return {
        says: 'bucket blocked',
        fields: { bucket, cause, detail, ...when('until', untilMs) },
      };
    }
    case 'ScopeBlocked': {
      const { cause, detail, untilMs } = fact;
      return { says: 'scope barred', fields: { cause, detail, ...when('until', untilMs) } };
    }
    case 'Unblocked':
      return { says: 'free again', fields: { bucket: fact.bucket, cause: fact.cause } };
    case 'RateLimitConfigured': {
      const { collector, maxRequestsPerSecond } = fact;
      return {
        says: 'rate set',
        fields: { collector, max_requests_per_second: maxRequestsPerSecond },
      };
    }
    default:
      return undefined;
  }
}

type Changing = Extract<BreakerFact, { readonly transition?: unknown }>;

function change({ transition }: Changing): Fields {
  const { from = '', trigger = '' } = transition ?? {};
  return { from, trigger };
}

function when(name: string, moment: number | undefined): Fields {
  return moment === undefined || moment <= 0 ? {} : { [name]: isoTime(moment) };
}
