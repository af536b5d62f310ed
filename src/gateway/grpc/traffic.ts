/** Counts and logs calls: one line each, the metric families every gRPC dashboard knows. */
import { status } from '@grpc/grpc-js';
import { histogram, histogramSamples, observe } from '../../kernel/observe.js';
import type { Histogram, Labels, Logger, MetricFamily } from '../../kernel/observe.js';
import type { MetricSource, Sample } from '../../kernel/observe.js';
import type { DurationMs } from '../../kernel/types.js';
import type { CallFacts, MethodFacts } from './call-facts.js';
import { codeName } from './statuses.js';

export type Traffic = {
  started(method: MethodFacts): void;
  received(method: MethodFacts): void;
  sent(method: MethodFacts, messages: number): void;
  /** A call that was answered, refused, or that nobody waits for any more. */
  ended(facts: CallFacts, code: number, durationMs: DurationMs): void;
  readonly metrics: MetricSource;
};

const BOUNDS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

type Series = {
  readonly labels: Labels;
  started: number;
  received: number;
  sent: number;
  /** By gRPC's number: seventeen at most. */
  readonly handled: Map<number, { readonly labels: Labels; count: number }>;
  readonly seconds: Histogram;
};

/** Series: methods × seventeen codes at most. `commands`: paths whose calls are told at info. */
export function countTraffic(log: Logger, commands: ReadonlySet<string>): Traffic {
  const byPath = new Map<string, Series>();

  const seriesOf = (method: MethodFacts): Series => {
    const known = byPath.get(method.path);
    if (known !== undefined) return known;
    const made = newSeries(method);
    byPath.set(method.path, made);
    return made;
  };

  return {
    started(method) {
      seriesOf(method).started += 1;
    },
    received(method) {
      seriesOf(method).received += 1;
    },
    sent(method, messages) {
      seriesOf(method).sent += messages;
    },
    ended(facts, code, durationMs) {
      const { method } = facts;
      const series = seriesOf(method);
      handle(series, code);
      observe(series.seconds, durationMs / 1000);
      const line = lineOf(facts, code, durationMs);
      if (commands.has(method.path)) log.info('call', line);
      else log.debug('call', line);
    },
    metrics: () => families([...byPath.values()]),
  };
}

function newSeries({ service, method, type }: MethodFacts): Series {
  return {
    labels: { grpc_type: type, grpc_service: service, grpc_method: method },
    started: 0,
    received: 0,
    sent: 0,
    handled: new Map(),
    seconds: histogram(BOUNDS_S),
  };
}

function handle({ handled, labels }: Series, code: number): void {
  const known = handled.get(code);
  if (known !== undefined) known.count += 1;
  else handled.set(code, { labels: { ...labels, grpc_code: codeName(code) }, count: 1 });
}

function lineOf(facts: CallFacts, code: number, durationMs: DurationMs): object & Labelled {
  const { method, principal, requestId, traceId } = facts;
  return {
    method: method.path.slice(1),
    code: status[code] ?? String(code),
    durationMs,
    requestId,
    ...(principal === undefined ? {} : { principal: principal.name }),
    ...(traceId === undefined ? {} : { traceId }),
  };
}

type Labelled = Readonly<Record<string, unknown>>;

function families(all: readonly Series[]): readonly MetricFamily[] {
  const counter = (
    name: string,
    help: string,
    samples: (series: Series) => readonly Sample[],
  ): MetricFamily => ({ name, help, type: 'counter', samples: all.flatMap(samples) });
  return [
    counter('grpc_server_started_total', 'gRPC calls that began.', (series) => [
      { labels: series.labels, value: series.started },
    ]),
    counter('grpc_server_handled_total', 'gRPC calls that ended, by status.', (series) =>
      [...series.handled.values()].map(({ labels, count: value }) => ({ labels, value })),
    ),
    counter('grpc_server_msg_received_total', 'gRPC messages received.', (series) => [
      { labels: series.labels, value: series.received },
    ]),
    counter('grpc_server_msg_sent_total', 'gRPC messages sent.', (series) => [
      { labels: series.labels, value: series.sent },
    ]),
    {
      name: 'grpc_server_handling_seconds',
      help: 'Time from a gRPC call’s first byte to its status; of a stream, its life.',
      type: 'histogram',
      samples: all.flatMap((series) => histogramSamples(series.seconds, series.labels)),
    },
  ];
}
