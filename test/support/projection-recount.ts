/**
 * A recount of the journal by other means than the projections: plain loops over the events. What read
 * models say must agree with it (P7).
 */
import type { Journal, StoredEvent } from '../../src/journal/port.js';
import { periodOf } from '../../src/kernel/calendar.js';

export async function allEvents(journal: Journal): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let after = 0; ;) {
    const page = await journal.readAll(after, {}, 500);
    events.push(...page.events);
    after = page.next;
    if (page.atEnd) return events;
  }
}

type Data = Readonly<Record<string, unknown>>;
const num = (data: Data, name: string): number => Number(data[name] ?? 0);

export function recountRuns(events: readonly StoredEvent[], name: string) {
  const own = events.filter(({ stream }) => stream === `collector-${name}`);
  const many = (type: string): number => own.filter((event) => event.type === type).length;
  const sum = (type: string, field: string): number =>
    own.filter((e) => e.type === type).reduce((total, { data }) => total + num(data, field), 0);
  return {
    started: many('RunStarted'),
    succeeded: many('RunSucceeded'),
    failed: many('RunFailed'),
    unknown: many('RunUnknown'),
    blocked: many('RunBlocked'),
    collected: sum('RunProgressed', 'records'),
    added: sum('RunProgressed', 'newRecords'),
    lastNewDataAt:
      own
        .filter(({ type, data }) => type === 'RunProgressed' && num(data, 'newRecords') > 0)
        .map(({ data }) => num(data, 'atMs'))
        .at(-1) ?? null,
  };
}

/** How many checks since a moment: one per run that ended or was blocked, none for what we stopped. */
export function recountChecks(
  events: readonly StoredEvent[],
  name: string,
  since: number,
): { readonly checks: number; readonly failed: number } {
  const own = events.filter(({ stream }) => stream === `collector-${name}`);
  let checks = 0;
  let failed = 0;
  let failedAt = -1;
  for (const { type, data } of own) {
    const at = num(data, 'atMs');
    const isSameRun = failedAt === at;
    failedAt = -1;
    if (type === 'RunFailed') {
      if (data.outcome !== 'blocked') failedAt = at;
      if (at < since || data.outcome === 'blocked' || data.outcome === 'cancelled') continue;
      checks += 1;
      if (data.outcome !== 'throttled' && data.outcome !== 'bad_data') failed += 1;
    } else if (at < since) continue;
    else if (type === 'RunSucceeded' || type === 'RunUnknown') checks += 1;
    else if (type === 'RunBlocked' && !isSameRun) {
      checks += 1;
      if (data.cause === 'breaker') failed += 1;
    }
  }
  return { checks, failed };
}

/** A block as it stands: its moment is that of its reservation. */
export type Recounted = {
  readonly scope: string;
  readonly isOpen: boolean;
  readonly at: number;
  /** Sent: none is known of an open block, all of a lost one. */
  readonly calls: number;
  /** That may have been sent: of an open block all. */
  readonly held: number;
  readonly cu: number;
  readonly micros: number;
};

/** Calls, units and money, block by block: what it was settled with, else what was reserved. */
export function recountBlocks(
  events: readonly StoredEvent[],
  collector: string,
): readonly Recounted[] {
  type Units = readonly { readonly bucket: string; readonly units?: number }[];
  const prices = new Map<string, Map<string, number>>();
  const blocks = new Map<string, Recounted>();
  const held = new Map<string, Map<string, number>>();
  const total = (units: Units, price: Map<string, number> | undefined): [number, number] => {
    const whole = units.map((u) => [u.bucket, Math.ceil(u.units ?? 0)] as const);
    const micros = whole.reduce((sum, [bucket, n]) => sum + n * (price?.get(bucket) ?? 0), 0);
    return [whole.reduce((sum, [bucket, n]) => sum + (bucket === 'cu' ? n : 0), 0), micros];
  };
  for (const { stream, type, data } of events) {
    if (type === 'ScopeConfigured') {
      const buckets = data.buckets as readonly { name: string; priceMicros?: number }[];
      prices.set(stream, new Map(buckets.map((b) => [b.name, b.priceMicros ?? 0])));
    }
    if (type !== 'UnitsReserved' && type !== 'UnitsSettled') continue;
    if (data.collector !== collector) continue;
    const id = data.block as string;
    if (type === 'UnitsReserved') {
      const price = prices.get(stream);
      if (price !== undefined) held.set(id, price);
      const [cu, micros] = total(data.units as Units, price);
      const scope = stream.replace(/^limiter-/, '');
      const [at, reserved] = [num(data, 'atMs'), num(data, 'calls')];
      blocks.set(id, { scope, isOpen: true, at, calls: 0, held: reserved, cu, micros });
      continue;
    }
    const open = blocks.get(id);
    if (open === undefined) continue;
    if (data.cause === 'settled') {
      const [cu, micros] = total(data.charged as Units, held.get(id));
      const sent = num(data, 'sent');
      blocks.set(id, { ...open, isOpen: false, calls: sent, held: sent, cu, micros });
    } else blocks.set(id, { ...open, isOpen: false, calls: open.held });
  }
  return [...blocks.values()];
}

export function within(rule: Parameters<typeof periodOf>[0], now: number) {
  const { start, end } = periodOf(rule, now);
  return ({ at }: { readonly at: number }): boolean => at >= start && at < end;
}
