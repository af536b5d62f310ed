/** A breaker folded anew from its history: the state after each fact. */
import { breakerReplay } from '../../actors/index.js';
import { fail, ok } from '../../kernel/types.js';
import type { Revision } from '../../kernel/types.js';
import { eventsOf, pastAsked } from '../breaker-past.js';
import type { Past } from '../breaker-past.js';
import { replayInput } from '../history-inputs.js';
import { streamOperation } from '../operation.js';
import type { Reach, StreamItem } from '../operation.js';
import { stepLine } from '../shapes/breaker-past.js';

export const replayBreaker = streamOperation({
  name: 'replayBreaker',
  summary: 'A breaker folded anew from its history: its whole state after each fact.',
  role: 'viewer',
  input: replayInput,
  writes: { none: 'it only reads' },
  grpc: { service: 'HistoryService', method: 'ReplayBreaker' },
  sse: { besides: 'listBreakerHistory', resume: 'after_revision' },
  open({ after_revision: after = -1, ...asked }, reach, _caller, signal) {
    const past = pastAsked(asked, reach);
    return past.ok ? ok(states(reach, past.value, after, signal)) : fail(past.error);
  },
});

/** The fold begins with the first fact, whatever is asked for: only what is told begins later. */
async function* states(
  reach: Reach,
  { stream, from, to }: Past,
  after: Revision,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  const replay = breakerReplay();
  for await (const page of eventsOf(reach, stream, signal)) {
    for (const event of page) {
      if (signal.aborted) return;
      const step = replay.next(event);
      if (step.at >= to) return;
      if (step.at < from || step.revision <= after) continue;
      yield { id: String(step.revision), kind: event.type, value: stepLine(stream, step) };
    }
  }
}
