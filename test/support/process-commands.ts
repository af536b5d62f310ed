/**
 * Clients that steer a service at the same time, and the book of what they asked and were told.
 *
 * The book knows the real-time order of sending and answering. An acknowledged command holds until one
 * that was sent after its answer; of those that overlap, and of those whose outcome nobody knows, any
 * may have been the last.
 */
import type { Random } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import type { Reply, Service } from './process-service.js';

export type Aspect = 'desired' | 'rate' | 'breaker' | 'none';

/** What is asked. `value` is what the aspect shows afterwards. */
export type Wish = {
  readonly collector: string;
  readonly aspect: Aspect;
  readonly value: string;
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** One of these is the fact of the command, when it changed something. */
  readonly facts: readonly string[];
};

export type Outcome = 'open' | 'done' | 'refused' | 'unknown';

export type Command = Wish & {
  /** Its request id: the correlation id of its events. */
  readonly id: string;
  readonly sent: number;
  answered: number;
  outcome: Outcome;
  reply: Reply | undefined;
};

export type CommandBook = {
  readonly commands: readonly Command[];
  send(wish: Wish): Command;
  answer(command: Command, reply: Reply | undefined): void;
  /** The process is dead: whatever is open never was answered. */
  processDied(): void;
  /** The commands of an aspect of which any may have been the last. */
  latest(collector: string, aspect: Aspect): readonly Command[];
};

export function commandBook(): CommandBook {
  const commands: Command[] = [];
  let moment = 0;
  const next = (): number => (moment += 1);
  return {
    commands,
    send(wish) {
      const id = `command-${String(commands.length + 1)}`;
      const times = { sent: next(), answered: Infinity };
      const command: Command = { ...wish, id, ...times, outcome: 'open', reply: undefined };
      commands.push(command);
      return command;
    },
    answer(command, reply) {
      command.answered = next();
      command.reply = reply;
      command.outcome = outcomeOf(reply);
    },
    processDied() {
      const died = next();
      for (const command of commands) {
        if (command.outcome !== 'open') continue;
        command.outcome = 'unknown';
        command.answered = died;
      }
    },
    latest(collector, aspect) {
      const own = commands.filter((c) => c.collector === collector && c.aspect === aspect);
      const lastDone = Math.max(0, ...own.filter(isDone).map(({ sent }) => sent));
      return own.filter((c) => c.outcome !== 'refused' && c.answered > lastDone);
    },
  };
}

function isDone({ outcome }: Command): boolean {
  return outcome === 'done';
}

function outcomeOf(reply: Reply | undefined): Outcome {
  if (reply === undefined || reply.body['code'] === 'outcome_unknown') return 'unknown';
  return reply.status === 200 ? 'done' : 'refused';
}

export type Load = {
  /** Ends the clients after the command each has under way. */
  stop(): Promise<void>;
};

export type LoadOptions = {
  readonly service: Service;
  readonly book: CommandBook;
  readonly random: Random;
  readonly clients: number;
  /** The longest pause of a client between an answer and its next command. */
  readonly thinkMs: number;
  readonly wish: (random: Random) => Wish;
  /** In the turn in which a command was sent, or its answer came. */
  readonly onSent?: () => void;
  readonly onAnswered?: () => void;
};

export function startLoad(options: LoadOptions): Load {
  let isOver = false;
  const over = (): boolean => isOver || !options.service.isRunning();
  const clients = Array.from({ length: options.clients }, () => client(options, over));
  return {
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

async function client(options: LoadOptions, isOver: () => boolean): Promise<void> {
  const { service, book, random, thinkMs, wish, onSent, onAnswered } = options;
  const clock = systemClock();
  while (!isOver()) {
    const command = book.send(wish(random));
    const asked = service.ask(command.method, command.path, command.body, command.id);
    onSent?.();
    const reply = await asked.catch(() => undefined);
    book.answer(command, reply);
    if (reply === undefined) return;
    onAnswered?.();
    await wait(clock, random.next() * thinkMs);
  }
}

export const RATES = [8, 15, 25, 40] as const;

/** Any command a client may think of; more often one that lets the collector work. */
export function anyWish(collectors: readonly string[]): (random: Random) => Wish {
  return (random) => {
    const collector = pick(random, collectors);
    const kinds = ['desired', 'desired', 'rate', 'breaker', 'breaker', 'work'] as const;
    switch (pick(random, kinds)) {
      case 'desired':
        return desired(collector, random.next() < 0.85);
      case 'rate':
        return rate(collector, pick(random, RATES), pick(random, [2, 3]));
      case 'breaker':
        return breaker(collector, random);
      case 'work':
        return work(collector, random.next() < 0.7);
    }
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  const chosen = list[Math.floor(random.next() * list.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}

export function desired(collector: string, enabled: boolean): Wish {
  return {
    collector,
    aspect: 'desired',
    value: enabled ? 'enabled' : 'disabled',
    method: 'POST',
    path: `/collectors/${collector}/${enabled ? 'enable' : 'disable'}`,
    body: { reason: 'a client wants it' },
    facts: enabled ? ['CollectorEnabled', 'SuspensionLifted'] : ['CollectorDisabled'],
  };
}

export function rate(collector: string, perSecond: number, multiplier: number): Wish {
  return {
    collector,
    aspect: 'rate',
    value: `${String(perSecond)} / ${String(multiplier)}`,
    method: 'PUT',
    path: `/collectors/${collector}/rate-limit`,
    body: { max_requests_per_second: perSecond, backoff_multiplier: multiplier },
    facts: ['RateLimitConfigured'],
  };
}

/** `open` and `metrics_only` with an end or without; `closed` and a reset give it back to itself. */
function breaker(collector: string, random: Random): Wish {
  const states = ['open', 'metrics_only', 'closed', 'closed', 'closed', 'half-open', 'reset'];
  const state = pick(random, states);
  if (state === 'reset') return breakerReset(collector);
  const canEnd = state === 'open' || state === 'metrics_only';
  const ttl = canEnd && random.next() < 0.7 ? 0.05 + random.next() * 2 : undefined;
  return breakerState(collector, state, ttl);
}

export function breakerReset(collector: string): Wish {
  return {
    collector,
    aspect: 'breaker',
    value: 'none',
    method: 'POST',
    path: `/collectors/${collector}/circuit-breaker/reset`,
    body: {},
    facts: ['BreakerReset'],
  };
}

export function breakerState(collector: string, state: string, ttlSeconds?: number): Wish {
  const overrides: Readonly<Record<string, string>> = { open: 'forced_open' };
  const held = state === 'open' || state === 'metrics_only' || state === 'disabled';
  return {
    collector,
    aspect: 'breaker',
    value: held ? (overrides[state] ?? state) : 'none',
    method: 'PUT',
    path: `/collectors/${collector}/circuit-breaker/state`,
    body: {
      state,
      reason: 'a client',
      ...(ttlSeconds !== undefined && { ttl_seconds: ttlSeconds }),
    },
    facts: held
      ? ['BreakerForced']
      : ['BreakerOverrideCleared', 'BreakerRecovered', 'BreakerTripped', 'BreakerProbing'],
  };
}

function work(collector: string, now: boolean): Wish {
  return {
    collector,
    aspect: 'none',
    value: '',
    method: 'POST',
    path: `/collectors/${collector}/${now ? 'collect' : 'restart'}`,
    body: {},
    facts: now
      ? ['RunStarted']
      : ['RestartRequested', 'DrainStarted', 'CollectorEnabled', 'SuspensionLifted'],
  };
}
