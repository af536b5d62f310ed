/** The actors' door: what the composition root starts, and what gateway and CLI steer. */
export { startEngine, type RunningEngine } from './steer.js';
export { startHost, HOST_LIMITS, type Host, type HostDeps, type HostLimits } from './host.js';
export type { HostStatistics } from './host.js';
export type { EngineDeps, EngineLimits } from './engine-deps.js';
export type { Member } from './assembly.js';
export type { Scope } from './scopes.js';
export type { CollectorSetup, UpstreamSetup } from './setup.js';
export type {
  BreakerTarget,
  Engine,
  LiveBreaker,
  LiveCollector,
  LiveLimiter,
  RateLimitChange,
  Steered,
  SteerOptions,
} from './engine.js';
export type { CommandContext } from './handle.js';
export { PERMIT_LIMITS } from './permit-parts.js';
export type {
  CallReport,
  PermitAnswer,
  PermitDesk,
  PermitRequest,
  Reported,
} from './permit-parts.js';
export type { Refusal } from './refusal.js';
export { RETRY_LIMITS } from './retry.js';
export { cadenceMs } from './collector/schedule.js';
export { logFacts } from './fact-log.js';
export { engineMetrics } from './metrics.js';
export { POLICY_RULES, policyRefusal } from './breaker/index.js';
export { breakerReplay, breakerTurn, ReplayStopped } from './replay.js';
export type { BreakerReplay, BreakerStep, BreakerTurn } from './replay.js';
export { breakerSimulation, type BreakerSimulation, type WhatIf } from './replay-simulate.js';
export { CHANGES_MAX, type Fared, type Simulation } from './replay-tally.js';
