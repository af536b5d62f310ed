/** The adaptive rate limiter of a scope: what others may see. */
import type { ActorKind } from '../kind.js';
import type { LimiterCommand } from './commands.js';
import type { LimiterContext } from './context.js';
import { decideLimiter } from './decide.js';
import { limiterCodec, type LimiterFact } from './events.js';
import { limiterMachine } from './machine.js';
import { limiterOutstanding } from './outstanding.js';

export type { Configure, LimiterCommand, SetRate } from './commands.js';
export type { Block, Cap, LimiterConfig, LimiterContext, LimiterState } from './context.js';
export { capOf, ceilingOf, currentBackoff, currentRate, scopeRate } from './curve.js';
export type { RateBasis } from './curve.js';
export type { Acquired, AcquireFailure, AcquireRequest, Permit, PermitReport } from './desk.js';
export { limiterCodec, type CollectorRate, type LimiterFact } from './events.js';
export {
  limiterGate,
  type GateNumbers,
  type LimiterGate,
  type LimiterGateOptions,
} from './gate.js';
export type { LimiterHandle } from './block.js';
export type { Bar } from './restrictions.js';

export const limiterKind: ActorKind<LimiterContext, LimiterCommand, LimiterFact> = {
  category: 'limiter',
  machine: limiterMachine,
  foldVersion: 1,
  codec: limiterCodec,
  decide: decideLimiter,
  outstanding: limiterOutstanding,
  restricts: ({ type }) =>
    type === 'Throttled' || type === 'BucketBlocked' || type === 'ScopeBlocked',
};
