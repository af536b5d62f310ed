/**
 * Facts to proto3 JSON and back, by name, with a schema version per type and upcasters.
 * The name of a fact is the name of its message in proto/headgate/events/v1.
 */
import { HeadgateError } from '../kernel/errors.js';
import type { JsonObject } from '../kernel/types.js';
import type { AnyFact, FactCodec } from './kind.js';

/** The two functions ts-proto generates for each message. */
export type MessageCodec = {
  readonly fromJSON: (object: unknown) => object;
  readonly toJSON: (message: never) => unknown;
};

/** Turns data of schema version n into data of version n + 1. Pure. */
export type Upcaster = (data: JsonObject) => JsonObject;

export type FactSchema = {
  readonly message: MessageCodec;
  /** `upcasters[0]` lifts version 1 to 2, and so on: the current version is their number plus one. */
  readonly upcasters?: readonly Upcaster[];
};

/** An event this program cannot read: written by a newer one, or by another. */
export class UnknownFact extends HeadgateError {
  readonly code = 'unknown_fact';
  readonly retryable = false;
}

/** Builds the codec of an actor kind from its table of messages. */
export function factCodec<F extends AnyFact>(
  schemas: Readonly<Record<F['type'], FactSchema>>,
): FactCodec<F> {
  const table = new Map<string, FactSchema>(Object.entries(schemas));
  const known = (type: string): FactSchema => {
    const schema = table.get(type);
    if (schema === undefined) throw new UnknownFact(`unknown event type ${JSON.stringify(type)}`);
    return schema;
  };
  return {
    encode(fact) {
      const schema = known(fact.type);
      const data = schema.message.toJSON(fact as never) as JsonObject;
      return { type: fact.type, schema: versionOf(schema), data };
    },
    decode(type, version, data) {
      const schema = known(type);
      const current = versionOf(schema);
      if (!Number.isInteger(version) || version < 1 || version > current) {
        const known = `this program knows 1 to ${String(current)}`;
        throw new UnknownFact(`event type ${type} has schema version ${String(version)}; ${known}`);
      }
      const lifted = (schema.upcasters ?? []).slice(version - 1).reduce((d, up) => up(d), data);
      return { type, ...schema.message.fromJSON(lifted) } as unknown as F;
    },
  };
}

function versionOf(schema: FactSchema): number {
  return (schema.upcasters?.length ?? 0) + 1;
}
