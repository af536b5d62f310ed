import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  collectorCodec,
  collectorKind,
  regions,
  type CollectorContext,
  type CollectorFact,
  type CollectorState,
} from '../../src/actors/collector/index.js';
import { folder } from '../../src/actors/fold.js';
import { stateHash } from '../../src/actors/state-hash.js';
import type { JsonObject } from '../../src/kernel/types.js';

const GOLDEN = new URL('../golden/', import.meta.url);

/** A new fact does not compile until it stands here, and does not pass until a history holds it. */
const FACTS: Readonly<Record<CollectorFact['type'], true>> = {
  CollectorRegistered: true,
  CollectorConfigured: true,
  CollectorEnabled: true,
  CollectorDisabled: true,
  CollectorSuspended: true,
  SuspensionLifted: true,
  CollectorConnected: true,
  RunStarted: true,
  RunProgressed: true,
  RunSucceeded: true,
  RunFailed: true,
  RunUnknown: true,
  RunBlocked: true,
  DrainStarted: true,
  CollectorStopped: true,
  RestartRequested: true,
  CursorSet: true,
};

type Golden = {
  readonly foldVersion: number;
  readonly events: readonly {
    readonly type: string;
    readonly schema: number;
    readonly data: JsonObject;
    readonly stateHash: string;
  }[];
};

const fold = folder<CollectorContext, CollectorFact>(collectorKind.machine);
const names = readdirSync(GOLDEN).filter((name) => /^collector-\d+\.json$/.test(name));

function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(name, GOLDEN), 'utf8')) as Golden;
}

/** The state after each event; it ends where one has no arrow. */
function statesOf({ events }: Golden): readonly CollectorState[] {
  const states: CollectorState[] = [];
  let state: CollectorState = fold.initial();
  for (const { type, schema, data } of events) {
    const next = fold.apply(state, collectorCodec.decode(type, schema, data));
    if (next === undefined) return states;
    state = next;
    states.push(state);
  }
  return states;
}

describe('golden histories of a collector', () => {
  it('are there', () => {
    expect(names).toContain('collector-1.json');
  });

  it.each(names)('%s folds to the hashes it was recorded with', (name) => {
    const recorded = golden(name);
    expect(recorded.foldVersion).toBeLessThanOrEqual(collectorKind.foldVersion);
    expect(statesOf(recorded).map(stateHash)).toEqual(
      recorded.events.map((event) => event.stateHash),
    );
  });

  it('hold every fact', () => {
    const seen = new Set(names.flatMap((name) => golden(name).events.map(({ type }) => type)));
    expect([...seen].sort()).toEqual(Object.keys(FACTS).sort());
  });

  it('pass through every activity, and each way of being wanted and suspended', () => {
    const values = names.flatMap((name) => statesOf(golden(name)).map(regions));
    expect([...new Set(values.map(({ activity }) => activity))].sort()).toEqual(
      ['collecting', 'draining', 'idle', 'restarting', 'starting', 'stopped', 'waiting'].sort(),
    );
    expect(new Set(values.map(({ desired }) => desired)).size).toBe(2);
    expect(new Set(values.map(({ suspension }) => suspension)).size).toBe(2);
  });

  it('would show a change: one number altered gives another hash', () => {
    const recorded = golden('collector-1.json');
    const at = recorded.events.findIndex(({ type }) => type === 'RunProgressed');
    const altered = recorded.events.map((event, index) =>
      index === at ? { ...event, data: { ...event.data, ordinal: 9 } } : event,
    );
    const hashes = statesOf({ ...recorded, events: altered }).map(stateHash);
    expect(hashes.slice(0, at)).toEqual(recorded.events.slice(0, at).map((e) => e.stateHash));
    expect(hashes[at]).not.toBe(recorded.events[at]?.stateHash);
  });

  it('would show a lost arrow: a fact in a state that does not know it ends the fold', () => {
    const recorded = golden('collector-1.json');
    const started = recorded.events.find(({ type }) => type === 'RunStarted');
    if (started === undefined) throw new Error('the history has a run');
    expect(statesOf({ ...recorded, events: [started] })).toEqual([]);
  });
});
