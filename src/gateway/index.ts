/** The gateway's door: what the program needs to open its edges. */
export { OPERATIONS, reachOf } from './api.js';
export type { GatewayParts } from './api.js';
export { RESERVED_NAMES } from './inputs.js';
export { OPERATION_LIMITS, isCommand } from './operation.js';
export type { AnyOperation, OperationLimits, Readiness, ServiceInfo } from './operation.js';
export { PROBLEMS } from './problems.js';
export { InsecureBinding } from './rest/guard.js';
export { REST_LIMITS } from './rest/limits.js';
export type { RestLimits } from './rest/limits.js';
export type { CollectorType } from './shapes/collector-types.js';
export { restGateway } from './rest/server.js';
export type { RestGateway, RestParts } from './rest/server.js';
