/** The answers about what happened. */
import { Type } from '@sinclair/typebox';
import { amount, count, flag, list, moment, named, nullable, object } from './words.js';
import { perhaps, share, text } from './words.js';
import { breakerConfig } from './breaker-config.js';

const metadata = object(
  {
    event_id: text('Unique for ever.'),
    command_id: text('The command that wrote it.'),
    command_hash: nullable(text('Hash of what was asked.'), 'Null: it had no idempotency key.'),
    correlation_id: text('Ties together what one request led to.'),
    causation_id: nullable(text('The event it follows from.')),
    actor: text('The principal, or `system`.'),
    interface: text('The door: rest, grpc, cli, ui or system.'),
    address: nullable(text('Where the command came from.')),
    operation: nullable(text('The operation that was called.')),
    reason: nullable(text('Why.')),
    recorded_at: moment('When it was recorded.'),
    schema: count('Version of the fact’s schema, from 1.'),
    epoch: count('The writer’s fencing number.'),
    node: text('The writer’s node.'),
    state_hash: nullable(text('Hash of the state after it.'), 'Null: not the last of its batch.'),
    fold_version: nullable(count('The fold that made the hash.')),
    prev_hash: text('Hash of the event before it in the stream.'),
    hash: text('Its own: SHA-256 over RFC 8785 canonical JSON.'),
  },
  'Who, why and by which door.',
);

export const event = named(
  'Event',
  {
    position: count('Its place in the journal: where to go on after it.'),
    stream: text('Its stream.'),
    revision: count('Its index in the stream, from 0.'),
    type: text('Name of the fact.'),
    at: moment('When it was recorded.'),
    data: Type.Object({}, { additionalProperties: true, description: 'As it is stored.' }),
    metadata,
  },
  'One fact of the journal.',
);

export const eventsPage = object({
  events: list(event, 'Oldest first.'),
  count: count('Events in this page.'),
  next_after: count('The next page’s `after_position`: past every event that was looked at.'),
  at_end: flag('Nothing more was there when it was read.'),
  timestamp: moment('When it was told.'),
});

const turn = named(
  'BreakerTransition',
  {
    revision: nullable(count('Its index in the stream.'), 'Null: it was simulated.'),
    position: nullable(count('Its place in the journal.'), 'Null: it was simulated.'),
    timestamp: moment('When.'),
    type: text('Name of the fact.'),
    from: text('What ruled before.'),
    to: text('What rules after.'),
    trigger: text('Why.'),
    actor: text('The principal, `system`, or `simulation`.'),
    reason: nullable(text('Of an operator’s act.')),
    retry_at: perhaps('When an open one will probe.'),
    open_for_seconds: nullable(amount('For how long it opened.')),
    failure_count: nullable(count('Counted failures in a row.')),
    calls: nullable(count('Calls in the window.')),
    failures: nullable(count('Failed calls in the window.')),
    slow_calls: nullable(count('Slow calls in the window.')),
    failure_rate: nullable(share('Share of failed calls in the window.')),
    slow_rate: nullable(share('Share of slow calls in the window.')),
    config_revision: nullable(count('The configuration it was decided by.')),
    config: nullable(breakerConfig, 'Null: an override, which no threshold decides.'),
    last_calls: list(
      object({
        at: moment('When it ended.'),
        outcome: text('How.'),
        duration_ms: amount('How long it took, in ms.'),
        endpoint: text('Its endpoint.'),
      }),
      'The last five before the change, oldest first.',
    ),
  },
  'One change of a breaker, with the numbers it was decided on.',
);

export const breakerHistoryPage = object({
  collector: text('The collector.'),
  upstream: text('The upstream it guards.'),
  transitions: list(turn, 'Oldest first.'),
  count: count('Transitions in this page.'),
  next_page_token: nullable(text('Gets the next page.'), 'Null: this is the last.'),
  timestamp: moment('When it was told.'),
});

const fared = named(
  'SimulatedBreaker',
  {
    circuit_opens: count('Times it opened.'),
    successful_recoveries: count('Times its probes closed it.'),
    failed_recoveries: count('Times it opened again from half-open.'),
    time_in_open_state: amount('Seconds away from closed.'),
    calls_admitted: count('Recorded calls it let through.'),
    calls_barred: count('Recorded calls it would have refused.'),
    failures_spared: count('Failures among those.'),
    transitions: list(turn, 'Its first thousand changes, oldest first.'),
    transitions_left_out: count('Changes beyond those.'),
  },
  'How a breaker fared.',
);

export const simulationPage = object({
  collector: text('The collector.'),
  upstream: text('The upstream it guards.'),
  config: breakerConfig,
  began_at: moment('From here on.'),
  ended_at: moment('Until here.'),
  calls: count('Recorded calls of the time.'),
  actual: fared,
  simulated: fared,
  unknown_seconds: amount('The real one refused and the simulated one would not have: not known.'),
  notes: list(text('A sentence.'), 'What a simulation cannot know.'),
  timestamp: moment('When it was told.'),
});

export const journalVerdict = object({
  valid: flag('Nothing is wrong.'),
  events: count('Events looked at.'),
  streams: count('Streams they belong to.'),
  head: count('The newest position looked at.'),
  findings: count('Things found wrong.'),
  faults: list(
    object({
      problem: text('What it is, in a word.'),
      stream: nullable(text('Its stream.')),
      revision: nullable(count('Its index in the stream.')),
      position: count('Its place in the journal.'),
      detail: text('What is wrong, in a sentence.'),
    }),
    'The first; empty: there is none.',
  ),
  merkle_root: text('Over all stream heads as walked: compare it with a seal kept elsewhere.'),
  timestamp: moment('When it was told.'),
});
