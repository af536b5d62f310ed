/** The methods of grpc.health.v1, as a test's client takes them. */
import { service } from 'grpc-health-check';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Method } from './grpc-client.js';

type HealthMethod = Method<JsonObject, JsonObject>;

function methodOf(name: string): HealthMethod {
  const found = service[name];
  if (found === undefined) throw new Error(`grpc.health.v1 has no ${name}`);
  return found as unknown as HealthMethod;
}

export const healthMethods = {
  check: methodOf('Check'),
  watch: methodOf('Watch'),
  list: methodOf('List'),
};
