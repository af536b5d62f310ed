/** Recorded exchanges, one file each, and which of them answers a request. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../kernel/types.js';
import type { Upstream, UpstreamAnswer, UpstreamRequest } from './port.js';

/** Members beside these are for people: `source`, `licence`, `provenance`, `notes`. */
export type Recording = {
  /** The file's name without its ending. */
  readonly name: string;
  readonly request: { readonly method: string; readonly url: string };
  readonly response: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    /** JSON, or text where the upstream sent something else. */
    readonly body: Json;
  };
};

/** Longest list of files that is read. */
const RECORDINGS_MAX = 1000;

/**
 * Every `.json` file of a folder.
 * @throws {Error} a file that cannot be read or is no recording; its name is in the message.
 */
export function recordingsIn(folder: string): readonly Recording[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files
    .toSorted()
    .slice(0, RECORDINGS_MAX)
    .map((file) => recordingOf(join(folder, file), file.slice(0, -'.json'.length)));
}

function recordingOf(path: string, name: string): Recording {
  let read: Partial<Recording>;
  try {
    read = JSON.parse(readFileSync(path, 'utf8')) as Partial<Recording>;
  } catch (thrown) {
    throw new Error(`${path} is no JSON`, { cause: thrown });
  }
  const { request, response } = read;
  if (typeof request?.url !== 'string' || typeof response?.status !== 'number')
    throw new Error(`${path} is no recording: it needs request.url and response.status`);
  return { name, request, response };
}

export function isGood({ response }: Recording): boolean {
  return response.status >= 200 && response.status < 300;
}

/** The answer as it goes over the wire. */
export function answerOf({ response }: Recording): UpstreamAnswer {
  const { status, headers = {}, body } = response;
  // The recorded lengths and codings are those of other bytes.
  const kept = Object.entries(headers).filter(
    ([name]) => !/^(content-(length|encoding)|transfer-encoding|connection)$/i.test(name),
  );
  return { status, headers: Object.fromEntries(kept), body };
}

/**
 * An upstream that answers with the good recordings: the one of the same method and path whose query
 * is most like the request's.
 */
export function replaying(recordings: readonly Recording[]): Upstream {
  const good = recordings.filter(isGood).map((recording) => ({
    recording,
    method: recording.request.method.toUpperCase(),
    url: new URL(recording.request.url),
  }));
  return (request) => {
    const fit = good
      .filter(({ method, url }) => method === request.method && url.pathname === request.path)
      .map(({ recording, url }) => ({ recording, likeness: likeness(url.searchParams, request) }))
      .sort((a, b) => b.likeness - a.likeness);
    const [best] = fit;
    return best === undefined ? undefined : answerOf(best.recording);
  };
}

/** Parameters that are equal count for it, those that are only in one of the two against it. */
function likeness(recorded: URLSearchParams, { query }: UpstreamRequest): number {
  let likely = 0;
  for (const [name, value] of recorded) {
    if (query.get(name) === value) likely += 2;
    else if (!query.has(name)) likely -= 1;
  }
  for (const name of query.keys()) if (!recorded.has(name)) likely -= 1;
  return likely;
}
