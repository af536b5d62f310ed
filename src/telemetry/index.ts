/** What other rooms may see of telemetry. */
export { pinoLogger } from './log.pino.js';
export type { LogLevel, LogOptions } from './log.pino.js';
export { metricsServer, MetricsUnavailable } from './metrics.prometheus.js';
export type { MetricsOptions, MetricsServer } from './metrics.prometheus.js';
