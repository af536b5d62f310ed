/**
 * Subscribers in a process of their own (grpc-watchers.ts starts it): real clients on several channels, some
 * of which stop reading after their first item.
 */
import { performance } from 'node:perf_hooks';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { CollectorServiceService } from '../../src/gen/headgate/v1/collector_service.js';
import type { WatchCollectorsResponse } from '../../src/gen/headgate/v1/collector_service.js';
import { WatchKind } from '../../src/gen/headgate/v1/collector_service.js';
import { HistoryServiceService } from '../../src/gen/headgate/v1/history_service.js';
import type { ReadEventsResponse } from '../../src/gen/headgate/v1/history_service.js';
import { RecordServiceService } from '../../src/gen/headgate/v1/record_service.js';
import type { SubscribeRecordsResponse } from '../../src/gen/headgate/v1/record_service.js';

export type Subscription = 'watch' | 'events' | 'records';

export type Wish =
  | {
      readonly do: 'open';
      readonly target: string;
      readonly to: Subscription;
      /** The request, but for what is at its default. */
      readonly request: object;
      readonly channels: number;
      readonly live: number;
      readonly stalled: number;
    }
  /** Answered when each of them has seen so many keys at this version or a later one. */
  | { readonly do: 'see'; readonly who: Half; readonly keys: number; readonly version: number }
  | { readonly do: 'wake' }
  /** How long items took since this was last asked, where versions are µs since 1970. */
  | { readonly do: 'delays' };

export type Half = 'live' | 'stalled';

/** What one subscriber got. */
export type Seen = {
  readonly items: number;
  /** Of one key, the most. */
  readonly versionsMax: number;
  readonly inOrder: boolean;
};

export type Delays = { readonly items: number; readonly ms: readonly number[] };

export type Said =
  | { readonly did: 'open' | 'wake' }
  | { readonly did: 'see'; readonly seen: readonly Seen[] }
  | ({ readonly did: 'delays' } & Delays);

/** An item as this program looks at it: which thing, in which state. */
type Item = { readonly key: string; readonly version: number };

type Subscriber = {
  readonly half: Half;
  readonly stream: ClientReadableStream<object>;
  readonly newest: Map<string, number>;
  readonly versions: Map<string, number>;
  items: number;
  inOrder: boolean;
  /** Keys at the awaited version. */
  readonly there: Set<string>;
};

const METHODS = {
  watch: CollectorServiceService.watchCollectors,
  events: HistoryServiceService.readEvents,
  records: RecordServiceService.subscribeRecords,
} as const;

/** Undefined: it is about the stream itself. */
function itemOf(to: Subscription, message: object): Item | undefined {
  if (to === 'watch') {
    const { collector } = message as WatchCollectorsResponse;
    return collector && { key: collector.name, version: Number(collector.etag.split('.')[0]) };
  }
  if (to === 'events') {
    const { event } = message as ReadEventsResponse;
    return event && { key: '', version: Number(event.position) };
  }
  const { record } = message as SubscribeRecordsResponse;
  return record && { key: '', version: Number(record.sequence) };
}

/** The live ones of a watch begin when the snapshot is complete, all others with their first item. */
function isBegun(to: Subscription, half: Half, message: object): boolean {
  if (to !== 'watch' || half === 'stalled') return true;
  return (message as WatchCollectorsResponse).kind === WatchKind.WATCH_KIND_SNAPSHOT_COMPLETE;
}

const SAMPLES_MAX = 200_000;
const all: Subscriber[] = [];
let awaited: Extract<Wish, { do: 'see' }> | undefined;
let delays: number[] = [];
let delayed = 0;

function say(said: Said): void {
  process.send?.(said);
}

async function open(wish: Extract<Wish, { do: 'open' }>): Promise<void> {
  const { to, channels, live, stalled } = wish;
  const clients = Array.from({ length: channels }, () => client(wish.target));
  const opened = Array.from({ length: live + stalled }, (_, n) => {
    const from = clients[n % channels];
    if (from === undefined) throw new Error('there is no channel');
    // Both halves on each channel: one who does not read must not hold up those beside it.
    return subscribe(from, to, wish.request, n < live ? 'live' : 'stalled');
  });
  await Promise.all(opened);
  say({ did: 'open' });
}

function client(target: string): Client {
  return new Client(target, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
}

function subscribe(from: Client, to: Subscription, request: object, half: Half): Promise<void> {
  const method = METHODS[to];
  const stream = from.makeServerStreamRequest<object, object>(
    method.path,
    method.requestSerialize as (request: object) => Buffer,
    method.responseDeserialize,
    { ...method.requestDeserialize(Buffer.alloc(0)), ...request },
    new Metadata(),
  );
  const subscriber: Subscriber = {
    half,
    stream,
    newest: new Map(),
    versions: new Map(),
    items: 0,
    inOrder: true,
    there: new Set(),
  };
  all.push(subscriber);
  return new Promise((begun, failed) => {
    stream.on('error', failed);
    stream.on('data', (message: object) => {
      const isFirst = subscriber.items === 0;
      received(subscriber, itemOf(to, message));
      if (isBegun(to, half, message)) begun();
      if (isFirst && half === 'stalled') stream.pause();
    });
  });
}

function received(subscriber: Subscriber, item: Item | undefined): void {
  subscriber.items += 1;
  if (item === undefined) return;
  const { newest, versions } = subscriber;
  const before = newest.get(item.key) ?? -1;
  if (item.version < before) subscriber.inOrder = false;
  if (item.version !== before) versions.set(item.key, (versions.get(item.key) ?? 0) + 1);
  newest.set(item.key, item.version);
  if (subscriber.half === 'live') time(item.version);
  if (awaited === undefined || item.version < awaited.version) return;
  subscriber.there.add(item.key);
  if (subscriber.there.size === awaited.keys) look();
}

function time(version: number): void {
  delayed += 1;
  if (delays.length === SAMPLES_MAX) return;
  delays.push(performance.timeOrigin + performance.now() - version / 1000);
}

function see(wish: Extract<Wish, { do: 'see' }>): void {
  awaited = wish;
  for (const { newest, there } of all) {
    there.clear();
    for (const [key, version] of newest) if (version >= wish.version) there.add(key);
  }
  look();
}

function look(): void {
  if (awaited === undefined) return;
  const { who, keys } = awaited;
  const asked = all.filter(({ half }) => half === who);
  if (asked.some(({ there }) => there.size < keys)) return;
  awaited = undefined;
  const seen = asked.map(({ items, versions, inOrder }) => ({
    items,
    versionsMax: Math.max(...versions.values()),
    inOrder,
  }));
  say({ did: 'see', seen });
}

process.on('message', (wish: Wish) => {
  if (wish.do === 'open') void open(wish);
  else if (wish.do === 'see') see(wish);
  else if (wish.do === 'delays') {
    say({ did: 'delays', items: delayed, ms: delays });
    delays = [];
    delayed = 0;
  } else {
    for (const { half, stream } of all) if (half === 'stalled') stream.resume();
    say({ did: 'wake' });
  }
});
process.on('disconnect', () => process.exit(0));
