/** The door of the projections: what the gateway, the CLI and the composition root may use. */
export { openViews } from './live-views.js';
export type { LiveViews, ParkedStream, ViewsOptions } from './live-views.js';
export { CheckpointPastHead, ReadStoreUnavailable } from './read-store.js';
export { effectiveState, healthOf } from './health.js';
export type { HealthInput } from './health.js';
export type {
  AuditDoc,
  AuditFact,
  AuditPage,
  AuditQuestion,
  BreakerDoc,
  CallOutcome,
  CollectorDoc,
  CollectorDocs,
  CostView,
  EndpointDoc,
  HealthCheck,
  HealthStatistics,
  HealthView,
  KnownCommand,
  LimiterDoc,
  PastView,
  UsageDoc,
  Views,
} from './views.js';
