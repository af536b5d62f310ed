/** What the schemas of answers are made of: objects that name every member, and the usual values. */
import { Type } from '@sinclair/typebox';
import type { TProperties, TSchema } from '@sinclair/typebox';

/** An object of ours: what it does not name must not be in it. */
export const object = <P extends TProperties>(members: P, description?: string) =>
  Type.Object(members, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });

/** The same, under a name of its own in the published document. */
export const named = <P extends TProperties>(name: string, members: P, description: string) =>
  Type.Object(members, { $id: name, additionalProperties: false, description });

/** Values by name. */
export const byName = <S extends TSchema>(value: S, description: string) =>
  Type.Unsafe<Record<string, S['static']>>({
    type: 'object',
    additionalProperties: value,
    description,
  });

export const list = <S extends TSchema>(items: S, description: string) =>
  Type.Array(items, { description });

export const nullable = <S extends TSchema>(schema: S, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });

export const optional = <S extends TSchema>(schema: S) => Type.Optional(schema);

export const text = (description: string) => Type.String({ description });
export const flag = (description: string) => Type.Boolean({ description });
export const number = (description: string) => Type.Number({ description });

/** A whole number from 0 on. */
export const count = (description: string) => Type.Integer({ minimum: 0, description });

/** A number from 0 on; its unit stands in the description. */
export const amount = (description: string) => Type.Number({ minimum: 0, description });

/** 0 to 1, to six places. */
export const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

/** ISO 8601 in UTC. */
export const moment = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-11-23T15:27:02.201Z'] });

/** A moment, or null for what has not happened. */
export const perhaps = (description: string) => nullable(moment(description));

export const words = <const W extends readonly string[]>(all: W, description: string) =>
  Type.Union(
    all.map((word) => Type.Literal(word as W[number])),
    { description },
  );

/** Command revisions of collector, breakers and limiters: what `If-Match` takes. */
export const etag = Type.String({
  pattern: '^\\d+\\.\\d+\\.\\d+$',
  description:
    'Command revisions of collector, breakers and limiters: what `If-Match` takes, without quotes.',
  examples: ['3.1.0'],
});
