import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { breakerCodec, breakerKind } from '../../src/actors/breaker/index.js';
import { factCodec, UnknownFact } from '../../src/actors/codec.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { BreakerOverrideCleared } from '../../src/gen/headgate/events/v1/breaker.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { fold } from '../support/breaker-given.js';

const GOLDEN = new URL('../golden/', import.meta.url);

type Golden = {
  readonly foldVersion: number;
  readonly events: readonly {
    readonly type: string;
    readonly schema: number;
    readonly data: JsonObject;
    readonly stateHash: string;
  }[];
};

function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(name, GOLDEN), 'utf8')) as Golden;
}

/** The hash after each event, or what stopped it. */
function hashesOf({ events }: Golden): readonly string[] {
  let state = fold.initial();
  return events.map(({ type, schema, data }) => {
    const next = fold.apply(state, breakerCodec.decode(type, schema, data));
    if (next === undefined) return `${type} has no arrow`;
    state = next;
    return stateHash(state);
  });
}

describe('golden histories of a breaker', () => {
  const names = readdirSync(GOLDEN).filter((name) => /^breaker-\d+\.json$/.test(name));

  it('are there', () => {
    expect(names).toContain('breaker-1.json');
  });

  it.each(names)('%s folds to the hashes it was recorded with', (name) => {
    const recorded = golden(name);
    expect(recorded.foldVersion).toBeLessThanOrEqual(breakerKind.foldVersion);
    expect(hashesOf(recorded)).toEqual(recorded.events.map((event) => event.stateHash));
  });

  it('hold every fact and every reason for a change', () => {
    const events = names.flatMap((name) => golden(name).events);
    expect(new Set(events.map(({ type }) => type)).size).toBe(9);
    const triggers = events.flatMap(({ data }) => {
      const { transition } = data as { transition?: { trigger: string } };
      return transition === undefined ? [] : [transition.trigger];
    });
    expect(new Set(triggers).size).toBe(9);
  });

  it('would show a change: one number altered gives another hash', () => {
    const recorded = golden('breaker-1.json');
    const altered = recorded.events.map((event) =>
      event.type === 'BreakerTripped' ? { ...event, data: { ...event.data, delayMs: 1 } } : event,
    );
    expect(hashesOf({ ...recorded, events: altered })).not.toEqual(hashesOf(recorded));
  });
});

describe('the codec of breaker facts', () => {
  it('refuses what a newer program wrote, and what nobody writes', () => {
    const data = { atMs: 1, cause: 'expired', generation: 2 };
    const read = (type: string, schema: number): unknown => breakerCodec.decode(type, schema, data);
    expect(read('BreakerOverrideCleared', 1)).toEqual({ type: 'BreakerOverrideCleared', ...data });
    for (const schema of [0, 2, 1.5, NaN]) {
      expect(() => read('BreakerOverrideCleared', schema)).toThrow(UnknownFact);
    }
    expect(() => read('BreakerMelted', 1)).toThrow('unknown event type "BreakerMelted"');
    expect(() => read('__proto__', 1)).toThrow(UnknownFact);
    expect(() => read('toString', 1)).toThrow(UnknownFact);
  });

  it('lifts old data through every version after it, in order, and writes the newest', () => {
    type Cleared = { readonly type: 'BreakerOverrideCleared' } & BreakerOverrideCleared;
    const lifted = factCodec<Cleared>({
      BreakerOverrideCleared: {
        message: BreakerOverrideCleared,
        upcasters: [
          // Version 1 had no cause and told seconds; version 2 called the operator "human".
          ({ atSeconds, ...rest }) => ({ ...rest, atMs: Number(atSeconds) * 1000, cause: 'human' }),
          (data) => ({
            ...data,
            cause: data['cause'] === 'human' ? 'operator' : (data['cause'] ?? ''),
          }),
        ],
      },
    });
    const now = { type: 'BreakerOverrideCleared', atMs: 7000, cause: 'operator', generation: 3 };
    const type = 'BreakerOverrideCleared';
    expect(lifted.decode(type, 1, { atSeconds: 7, generation: 3 })).toEqual(now);
    expect(lifted.decode(type, 2, { atMs: 7000, cause: 'human', generation: 3 })).toEqual(now);
    expect(lifted.decode(type, 3, { atMs: 7000, cause: 'human', generation: 3 })).toEqual({
      ...now,
      cause: 'human',
    });
    expect(lifted.encode(now as Cleared).schema).toBe(3);
    expect(() => lifted.decode(type, 4, {})).toThrow('this program knows 1 to 3');
  });
});
