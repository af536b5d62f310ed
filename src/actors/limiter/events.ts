/** The facts of a rate limiter, past tense. Messages: proto/headgate/events/v1/limiter.proto. */
import * as gen from '../../gen/headgate/events/v1/limiter.js';
import { factCodec } from '../codec.js';

export type {
  BucketConfig,
  CollectorRate,
  EndpointUsage,
  Units,
} from '../../gen/headgate/events/v1/limiter.js';

export type LimiterFact =
  | ({ readonly type: 'ScopeConfigured' } & gen.ScopeConfigured)
  | ({ readonly type: 'RateLimitConfigured' } & gen.RateLimitConfigured)
  | ({ readonly type: 'UnitsReserved' } & gen.UnitsReserved)
  | ({ readonly type: 'UnitsSettled' } & gen.UnitsSettled)
  | ({ readonly type: 'Throttled' } & gen.Throttled)
  | ({ readonly type: 'RateRecovered' } & gen.RateRecovered)
  | ({ readonly type: 'EpisodeEnded' } & gen.EpisodeEnded)
  | ({ readonly type: 'QuotaObserved' } & gen.QuotaObserved)
  | ({ readonly type: 'BucketBlocked' } & gen.BucketBlocked)
  | ({ readonly type: 'ScopeBlocked' } & gen.ScopeBlocked)
  | ({ readonly type: 'Unblocked' } & gen.Unblocked)
  | ({ readonly type: 'PeriodRolled' } & gen.PeriodRolled)
  | ({ readonly type: 'ClockAnomaly' } & gen.ClockAnomaly);

export const limiterCodec = factCodec<LimiterFact>({
  ScopeConfigured: { message: gen.ScopeConfigured },
  RateLimitConfigured: { message: gen.RateLimitConfigured },
  UnitsReserved: { message: gen.UnitsReserved },
  UnitsSettled: { message: gen.UnitsSettled },
  Throttled: { message: gen.Throttled },
  RateRecovered: { message: gen.RateRecovered },
  EpisodeEnded: { message: gen.EpisodeEnded },
  QuotaObserved: { message: gen.QuotaObserved },
  BucketBlocked: { message: gen.BucketBlocked },
  ScopeBlocked: { message: gen.ScopeBlocked },
  Unblocked: { message: gen.Unblocked },
  PeriodRolled: { message: gen.PeriodRolled },
  ClockAnomaly: { message: gen.ClockAnomaly },
});
