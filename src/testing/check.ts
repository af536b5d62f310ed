/** Checks a source against recordings and faults: everything it promises the service, tried. */
import { AssertionError } from 'node:assert';
import { systemClock } from '../kernel/time.js';
import type { EpochMs, Json, JsonObject } from '../kernel/types.js';
import { undiciTransport } from '../sources/http.undici.js';
import { jsonBody } from '../sources/exchange.port.js';
import type { Keys, Outcome, SourceDefinition } from '../sources/port.js';
import { faultRules, signalRules } from './bad-days.js';
import { findingLine, type CheckName, type Finding, type Tell } from './finding.js';
import {
  againRules,
  crashRules,
  cursorRules,
  healthyRules,
  idRules,
  type Told,
} from './good-days.js';
import { answerOf, isGood, recordingsIn, replaying, type Recording } from './recording.js';
import { runRules } from './rules.js';
import { runSource, type Bench } from './run.js';
import type { Upstream } from './port.js';
import { upstreamServer } from './upstream.js';

export type SourceCheck = {
  /** A folder of recordings, or the recordings themselves. */
  readonly recordings?: string | readonly Recording[];
  /** Answers in place of the recordings, where paging takes more than a few files. */
  readonly upstream?: Upstream;
  /** Absent: the source's defaults. */
  readonly options?: JsonObject;
  /** What `context.now()` says. Absent: the first moment of 2026. */
  readonly now?: EpochMs;
  /** Secrets by variable. Absent: made up, so that they can be found again where they must not be. */
  readonly keys?: Keys;
  /** What a recording must be judged as, by its name. */
  readonly expected?: Readonly<Record<string, Outcome>>;
  /** Kinds of records that each run tells anew, under the same ids. */
  readonly snapshots?: readonly string[];
  /** Checks that do not fit this source. Say why beside it. */
  readonly leaveOut?: readonly CheckName[];
};

const NOW_DEFAULT: EpochMs = Date.UTC(2026, 0, 1);
/** Nobody reads more; the first ones tell the rest. */
const FINDINGS_MAX = 100;

/** Everything that is wrong with a source; empty: nothing was found. Uses loopback only. */
export async function checkSource(
  source: SourceDefinition,
  check: SourceCheck,
): Promise<readonly Finding[]> {
  const recordings = recordingsOf(check);
  const clock = systemClock();
  const transport = undiciTransport({ clock });
  const server = await upstreamServer(check.upstream ?? replaying(recordings));
  const keys = check.keys ?? madeUpKeys(source);
  const { options = source.defaults, now = NOW_DEFAULT } = check;
  const bench: Bench = { source, options, keys, now, server, transport, clock };
  const found: Finding[] = [];
  const told: Told = (where) => (name, message) => {
    const isKnown = found.some((each) => each.check === name && each.message === message);
    if (isKnown || check.leaveOut?.includes(name) === true) return;
    if (found.length < FINDINGS_MAX) found.push({ check: name, where, message });
  };
  try {
    judgedRules(source, recordings, now, check.expected ?? {}, told);
    const requests = await goodDays(bench, check.snapshots ?? [], told);
    // Each further run of a source that does not end would take as long as a run may.
    if (found.some(({ check: name }) => name === 'ends')) return found;
    await faultRules(bench, requests, keys, told);
    await signalRules(bench, requests, keys, told);
  } finally {
    await transport.close();
    await server.close();
  }
  return found;
}

/**
 * The same for a test: passes, or says everything that is wrong.
 * @throws {AssertionError} with a line for each finding.
 */
export async function assertSource(source: SourceDefinition, check: SourceCheck): Promise<void> {
  const found = await checkSource(source, check);
  if (found.length === 0) return;
  const message = [`the source ${source.name} breaks promises:`, ...found.map(findingLine)];
  throw new AssertionError({ message: message.join('\n  ') });
}

function recordingsOf({ recordings = [], upstream }: SourceCheck): readonly Recording[] {
  const read = typeof recordings === 'string' ? recordingsIn(recordings) : recordings;
  if (read.length === 0 && upstream === undefined)
    throw new TypeError('give recordings, or an upstream that answers');
  return read;
}

function madeUpKeys({ upstreams }: SourceDefinition): Keys {
  const variables = Object.values(upstreams).flatMap(({ keys = [], optionalKeys = [] }) => [
    ...keys,
    ...optionalKeys,
  ]);
  return Object.fromEntries(variables.map((name) => [name, `made-up-${name.toLowerCase()}-4f1c`]));
}

/** Answers how many requests a good run makes. */
async function goodDays(bench: Bench, snapshots: readonly string[], told: Told): Promise<number> {
  const tell = told('the first run');
  const first = await runSource(bench);
  const unknown = bench.server.unknown();
  runRules(first, bench.keys, tell);
  if (!first.hasEnded) return first.asked.length;
  healthyRules(first, unknown, tell);
  cursorRules(first, new Map(), tell);
  const same = await runSource(bench);
  idRules(first, same, told('the first run, made once more'));
  const tellNext = told('the second run');
  const next = await runSource(bench, { cursors: first.cursors });
  runRules(next, bench.keys, tellNext);
  cursorRules(next, first.cursors, tellNext);
  againRules(first, next, snapshots, tellNext);
  if (first.threw === undefined) await crashRules(bench, first, snapshots, told);
  return first.asked.length;
}

/** Each recording by itself: what the profile makes of it. */
function judgedRules(
  source: SourceDefinition,
  recordings: readonly Recording[],
  now: EpochMs,
  expected: Readonly<Record<string, Outcome>>,
  told: Told,
): void {
  const named = new Set(recordings.map(({ name }) => name));
  for (const name of Object.keys(expected)) {
    if (!named.has(name)) told('recordings')('class', `there is no recording ${name}`);
  }
  for (const recording of recordings) {
    const tell: Tell = told(`the recording ${recording.name}`);
    try {
      const outcome = judged(source, recording, now);
      const wanted = expected[recording.name];
      if (wanted !== undefined && wanted !== outcome)
        tell('class', `is ${outcome}, must be ${wanted}`);
      else if (wanted === undefined && outcome === 'ok' && !isGood(recording))
        tell('class', `is ok with the status ${String(recording.response.status)}`);
    } catch (thrown) {
      tell('throws', `judge threw: ${String(thrown)}`);
    }
  }
}

function judged(source: SourceDefinition, recording: Recording, now: EpochMs): Outcome {
  const { host } = new URL(recording.request.url);
  const profiles = Object.values(source.upstreams);
  const profile = profiles.find(({ baseUrl }) => new URL(baseUrl).host === host) ?? profiles[0];
  if (profile === undefined) throw new TypeError('a source without upstream');
  const { status = 200, headers = {}, body } = answerOf(recording);
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const exchange = {
    kind: 'answered',
    status,
    headers: lower(headers),
    body: bytes,
    durationMs: 1,
  } as const;
  const json: Json | undefined = jsonBody(exchange);
  const [endpoint = ''] = Object.keys(profile.weights);
  return profile.judge(exchange, json, now, endpoint).outcome;
}

function lower(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
