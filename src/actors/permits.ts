/**
 * Permits lent to other programs: their calls pass the same limiter and breaker as a collector's own,
 * are counted and billed like those, and are told back by a report.
 *
 * L1 A permit is given only past every gate that a call of our own passes (door.ts D1, D2), and counts as
 *    sent from then on: it cannot be given back, for nobody can know whether the call left.
 * L2 A permit is settled once: by its report, or, when none came in time, as unknown: charged, and to the
 *    breaker neither success nor failure.
 * L3 Only who acquired a permit may report it. One that this process does not know (reported already,
 *    timed out long ago, of a life before) is not found; its units were charged.
 * L4 The number of open permits is bounded; settled ones are remembered for a while, bounded too, so that
 *    a repeated report hears what the first one did.
 */
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { Cancel, Clock } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import type { Member } from './assembly.js';
import { grant, type Granted } from './permit-grant.js';
import { PERMIT_LIMITS } from './permit-parts.js';
import type {
  CallReport,
  PermitAnswer,
  PermitDesk,
  PermitRequest,
  Reported,
} from './permit-parts.js';
import { settle } from './permit-settle.js';
import type { Refusal } from './refusal.js';

export type OpenPermit = Granted & {
  readonly id: string;
  readonly owner: string;
  readonly key: string | undefined;
  readonly member: Member;
  readonly expiresAt: EpochMs;
  cancel: Cancel;
};

export type PermitDeskDeps = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly find: (collector: string) => Member | undefined;
};

type Books = {
  readonly open: Map<string, OpenPermit>;
  /** `owner` and key → id; a promise while it is being granted. */
  readonly keyed: Map<string, Promise<PermitAnswer>>;
  /** Settled: id → owner and outcome, oldest first. */
  readonly past: Map<string, { readonly owner: string; readonly outcome: string }>;
  readonly settled: Record<string, number>;
  granted: number;
  refused: number;
  waiting: number;
  isClosed: boolean;
};

const UNKNOWN = 'unknown';

export function permitDesk(deps: PermitDeskDeps): PermitDesk {
  const books: Books = {
    open: new Map(),
    keyed: new Map(),
    past: new Map(),
    settled: {},
    granted: 0,
    refused: 0,
    waiting: 0,
    isClosed: false,
  };
  return {
    acquire(request) {
      if (request.key === undefined) return acquire(deps, books, request);
      const key = `${request.owner}\n${request.key}`;
      const known = books.keyed.get(key);
      if (known !== undefined) return known;
      const asked = acquire(deps, books, request, key);
      books.keyed.set(key, asked);
      void asked.then((answer) => {
        if (answer.kind !== 'granted') books.keyed.delete(key);
      });
      return asked;
    },
    report: (id, owner, report) => reported(deps, books, { id, owner, report }),
    numbers: () => ({
      open: books.open.size,
      granted: books.granted,
      refused: books.refused,
      settled: books.settled,
    }),
    close() {
      books.isClosed = true;
      for (const permit of [...books.open.values()]) end(deps, books, permit, undefined);
    },
  };
}

async function acquire(
  deps: PermitDeskDeps,
  books: Books,
  request: PermitRequest,
  key?: string,
): Promise<PermitAnswer> {
  const impossible = whyNot(books, request);
  if (impossible !== undefined) return { kind: 'impossible', refusal: impossible };
  const member = deps.find(request.collector);
  if (member === undefined) return unknownCollector(request.collector);
  books.waiting += 1;
  const granted = await grant(member, request, deps.clock).finally(() => {
    books.waiting -= 1;
  });
  if (granted.kind !== 'granted') {
    books.refused += 1;
    return granted;
  }
  const { lastsMs = member.setup.requestTimeoutMs + PERMIT_LIMITS.graceMs } = request;
  const permit: OpenPermit = {
    ...granted,
    id: deps.random.uuid(),
    owner: request.owner,
    key,
    member,
    expiresAt: deps.clock.now() + lastsMs,
    cancel: () => undefined,
  };
  books.granted += 1;
  books.open.set(permit.id, permit);
  // L2. The service may have begun to stop while it waited for its turn.
  if (books.isClosed) end(deps, books, permit, undefined);
  else permit.cancel = deps.clock.after(lastsMs, () => end(deps, books, permit, undefined));
  return { kind: 'granted', id: permit.id, expiresAt: permit.expiresAt };
}

function unknownCollector(name: string): PermitAnswer {
  return { kind: 'impossible', refusal: { kind: 'unknown-collector', detail: name } };
}

/** L4. */
function whyNot(
  { open, waiting, isClosed }: Books,
  { collector }: PermitRequest,
): Refusal | undefined {
  if (isClosed) return { kind: 'stopping', detail: 'the service is stopping' };
  if (open.size + waiting >= PERMIT_LIMITS.openMax) {
    const detail = `${String(PERMIT_LIMITS.openMax)} permits are open already`;
    return { kind: 'overloaded', detail };
  }
  let own = 0;
  for (const { member } of open.values()) if (member.setup.name === collector) own += 1;
  if (own < PERMIT_LIMITS.openPerCollectorMax) return undefined;
  const detail = `${String(own)} permits of ${collector} are open already`;
  return { kind: 'overloaded', detail };
}

type Told = { readonly id: string; readonly owner: string; readonly report: CallReport };

function reported(deps: PermitDeskDeps, books: Books, { id, owner, report }: Told): Reported {
  const permit = books.open.get(id);
  if (permit === undefined) {
    const before = books.past.get(id);
    if (before?.owner !== owner) return { kind: 'not-found' };
    return { kind: 'settled', outcome: before.outcome, repeated: true };
  }
  if (permit.owner !== owner) return { kind: 'not-found' };
  const flaw = flawOf(permit, report);
  if (flaw !== undefined) return { kind: 'invalid', ...flaw };
  end(deps, books, permit, report);
  return { kind: 'settled', outcome: report.outcome, repeated: false };
}

/** A report that names a bucket its scope does not have would be counted nowhere. */
function flawOf(
  { buckets }: OpenPermit,
  { bucket, units = {}, observations }: CallReport,
): { readonly field: string; readonly detail: string } | undefined {
  const known = (name: string): boolean => buckets.includes(name);
  const rule = `must be one of ${buckets.join(', ')}`;
  if (bucket !== undefined && !known(bucket)) return { field: '/bucket', detail: rule };
  const wrong = Object.keys(units).find((name) => !known(name));
  if (wrong !== undefined) return { field: '/units', detail: `names ${wrong}; ${rule}` };
  const index = observations.findIndex((each) => !known(each.bucket));
  if (index < 0) return undefined;
  return { field: `/observations/${String(index)}/bucket`, detail: rule };
}

/** L2: once. Without a report nobody knows what came of it. */
function end(
  { clock, log }: PermitDeskDeps,
  books: Books,
  permit: OpenPermit,
  report: CallReport | undefined,
): void {
  if (!books.open.delete(permit.id)) return;
  permit.cancel();
  if (permit.key !== undefined) books.keyed.delete(permit.key);
  const outcome = report?.outcome ?? UNKNOWN;
  books.settled[outcome] = (books.settled[outcome] ?? 0) + 1;
  books.past.set(permit.id, { owner: permit.owner, outcome });
  const [oldest] = books.past.keys();
  if (books.past.size > PERMIT_LIMITS.rememberedMax && oldest !== undefined) {
    books.past.delete(oldest);
  }
  settle(permit, report, clock.now());
  if (report !== undefined) return;
  const { member, owner, endpoint, id } = permit;
  log.warn('a lent permit was not reported: its call counts as charged, its outcome as unknown', {
    collector: member.setup.name,
    endpoint,
    owner,
    permit: id,
  });
}
