/** Runs a source against a script of answers: real schema and check, no wire. For rules and properties. */
import { silentLogger } from '../../src/kernel/observe.js';
import type { Json, JsonObject } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/index.js';
import type {
  RequestFailure,
  RequestSpec,
  SourceDefinition,
  SourcePage,
} from '../../src/sources/port.js';
import type { RunResult } from './sources-context.js';

export type Asked = {
  readonly endpoint: string;
  readonly path: string;
  readonly query: NonNullable<RequestSpec['query']>;
  readonly priority: 'live' | 'backfill' | undefined;
  /** Undefined: the primary. */
  readonly upstream?: string | undefined;
};

const FAILING = Symbol('failing');
type Details = Partial<Pick<RequestFailure, 'status' | 'cause' | 'until' | 'message'>>;
type Failing = { readonly [FAILING]: RequestFailure['outcome']; readonly details: Details };

/** As an answer of the script: the exchange ends as this class. */
export function failing(outcome: RequestFailure['outcome'], details: Details = {}): Failing {
  return { [FAILING]: outcome, details };
}

export type Script = (asked: Asked) => Json | Failing;

export type ScriptedRun = RunResult & {
  readonly asked: readonly Asked[];
  readonly cursors: Map<string, Json>;
  readonly warnings: readonly string[];
};

export async function collectFrom<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  script: Script,
  around: {
    readonly now: number;
    readonly cursors?: Map<string, Json>;
    /** The process dies after this many pages; the last one's cursor is lost. */
    readonly pagesMax?: number;
  },
): Promise<ScriptedRun> {
  const cursors = around.cursors ?? new Map<string, Json>();
  const asked: Asked[] = [];
  const warnings: string[] = [];
  const pages: SourcePage[] = [];
  const generator = source.collect({
    options,
    cursor: (series) => cursors.get(series),
    now: () => around.now,
    signal: new AbortController().signal,
    log: silentLogger,
    warn(message) {
      warnings.push(message);
    },
    request(endpoint, { path, query = {}, priority, schema, check, upstream }) {
      asked.push({ endpoint, path, query, priority, upstream });
      const fail = (outcome: RequestFailure['outcome'], message: string): RequestFailure => {
        return { ok: false, outcome, message, endpoint, status: 0 };
      };
      const answer = script({ endpoint, path, query, priority, upstream });
      if (typeof answer === 'object' && answer !== null && FAILING in answer) {
        return Promise.resolve({ ...fail(answer[FAILING], 'by the script'), ...answer.details });
      }
      const fits = fitsSchema(schema, answer);
      if (!fits.ok) return Promise.resolve(fail('bad_data', fits.message));
      const wrong = check?.(fits.body);
      if (wrong !== undefined) return Promise.resolve(fail('bad_data', wrong));
      return Promise.resolve({ ok: true, body: fits.body, status: 200 });
    },
  });
  const result = (failure: RequestFailure | undefined): ScriptedRun => {
    const records = pages.flatMap((page) => page.records);
    return { pages, records, failure, asked, cursors, warnings };
  };
  for (;;) {
    const step = await generator.next();
    if (step.done === true) return result(step.value);
    pages.push(step.value);
    if (pages.length === around.pagesMax) return result(undefined);
    cursors.set(step.value.series, JSON.parse(JSON.stringify(step.value.cursor)) as Json);
  }
}
