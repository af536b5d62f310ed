/**
 * Recovery, verified: a stream read from SQLite, its hash chain checked, decoded, folded, its state's
 * hash compared, as an actor is loaded without a snapshot; against a plain paged read with JSON.parse of
 * the same rows.
 */
import { breakerKind } from '../src/actors/breaker/index.js';
import { collectorKind } from '../src/actors/collector/index.js';
import { folder } from '../src/actors/fold.js';
import type { ActorKind, AnyFact } from '../src/actors/kind.js';
import { limiterKind } from '../src/actors/limiter/index.js';
import { loadActor } from '../src/actors/load.js';
import type { HostServices } from '../src/actors/services.js';
import { memorySnapshots } from '../src/journal/index.js';
import { filledJournal } from './support/fill.js';
import {
  costRatio,
  interleaved,
  throughputRatio,
  timed,
  type Measured,
} from './support/measure.js';
import { eventsOf, type BenchOptions } from './support/options.js';
import { plainReader } from './support/plain-reader.js';
import { atLeast, figure, type Report, type Verdict } from './support/report.js';
import { servicesOver, sqliteStores } from './support/world.js';

const EVENTS = 30_000;
/** The longer the streams, the less a stream's first page counts: 300 to 900 events each. */
const EVENTS_PER_COLLECTOR = 1500;
const PAGE = 1000;

const CATEGORIES = ['collector', 'breaker', 'limiter'] as const;
type Category = (typeof CATEGORIES)[number];

export async function recovery(options: BenchOptions): Promise<Report> {
  const events = Math.min(eventsOf(options, EVENTS), 200_000);
  const collectors = Math.ceil(events / EVENTS_PER_COLLECTOR);
  const filled = await filledJournal(options.shared, events, collectors);
  const stores = await sqliteStores(filled.path);
  // Without snapshots: everything is folded.
  const services = servicesOver({ ...stores, snapshots: memorySnapshots() });
  const bare = plainReader(filled.path);
  const streams = await stores.journal.streams(undefined, undefined, PAGE);
  const rows: (readonly (string | number)[])[] = [];
  const seen = new Map<Category, Both>();
  for (const category of CATEGORIES) {
    const names = streams.map(({ stream }) => stream).filter((name) => name.startsWith(category));
    const both = await interleaved(
      {
        ours: () => timed(() => loadAll(category, names, services)),
        plain: () => timed(() => names.reduce((sum, name) => sum + bare.readStream(name), 0)),
      },
      options.rounds,
    );
    seen.set(category, both);
    const { ours, plain } = both;
    rows.push([
      category,
      names.length,
      ours.rounds[0]?.operations ?? 0,
      ours.perSecond,
      ours.cpuNs / 1000,
      plain.perSecond,
      plain.cpuNs / 1000,
      throughputRatio(ours, plain),
      1 / costRatio(ours, plain),
    ]);
  }
  bare.close();
  await stores.close();
  return {
    title: 'actors loaded from the journal alone',
    lead:
      'Ours: `loadActor` over the SQLite journal: pages of a stream, SHA-256 of each row recomputed, ' +
      'chain followed, facts decoded and folded, the recorded state hash compared. Plain: the same ' +
      'pages by the same index with better-sqlite3 and `JSON.parse` of data and metadata, nothing else.',
    tables: [
      {
        caption: `A journal of ${figure(filled.events)} events; medians of ${String(options.rounds)} rounds.`,
        columns: [
          'kind',
          'streams',
          'events',
          'ours /s',
          'CPU µs',
          'plain /s',
          'CPU µs',
          'ratio',
          'by CPU',
        ],
        rows,
      },
    ],
    verdicts: CATEGORIES.flatMap((category) => verdictsOf(category, seen.get(category))),
    notes: [
      'Where the time goes (profiled): a quarter each to fetching rows, to parsing them and to SHA-256 with the text it is taken over; the rest to decoding, folding and garbage. The chart is no longer among them.',

      'Files are in the page cache; each stream’s rows lie spread over the file, as they were written.',
    ],
    notMeasured: ['emmett’s aggregateStream (not installed)', 'a cold page cache'],
  };
}

type Both = { readonly ours: Measured; readonly plain: Measured };

function verdictsOf(category: Category, both: Both | undefined): readonly Verdict[] {
  if (both === undefined) return [];
  const ratio = throughputRatio(both.ours, both.plain);
  return [atLeast(`${category}: recovered / plain paged read`, ratio, 0.5, ' ×')];
}

async function loadAll(
  category: Category,
  streams: readonly string[],
  services: HostServices,
): Promise<number> {
  let events = 0;
  for (const stream of streams) {
    if (category === 'collector') events += await load(collectorKind, stream, services);
    else if (category === 'breaker') events += await load(breakerKind, stream, services);
    else events += await load(limiterKind, stream, services);
  }
  return events;
}

async function load<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  stream: string,
  services: HostServices,
): Promise<number> {
  const { revision } = await loadActor(kind, folder<C, F>(kind.machine), stream, services);
  return revision + 1;
}
