/** A client of Server-Sent Events that reads when it is told to, and goes when it is told to. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

export type SseEvent = { readonly id: string; readonly event: string; readonly data: unknown };

export type SseClient = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The next event; undefined: the stream has ended. */
  next(): Promise<SseEvent | undefined>;
  /** Events until one is accepted, that one included. */
  until(test: (event: SseEvent) => boolean): Promise<readonly SseEvent[]>;
  /** Everything until the end. */
  rest(): Promise<readonly SseEvent[]>;
  /** Hangs up. */
  go(): void;
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>;
};

export function sse(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SseClient> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      headers: { accept: 'text/event-stream', ...headers },
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      asked.on('error', () => undefined);
      resolve(clientOf(answer, () => asked.destroy()));
    });
    asked.end();
  });
}

function clientOf(answer: IncomingMessage, go: () => void): SseClient {
  const closed = new Promise<void>((resolve) => {
    answer.on('close', () => {
      resolve();
    });
  });
  answer.on('error', () => undefined);
  const events = parsed(answer);
  const next = async (): Promise<SseEvent | undefined> => {
    const taken = await events.next();
    return taken.done === true ? undefined : taken.value;
  };
  const until: SseClient['until'] = async (test) => {
    const seen: SseEvent[] = [];
    for (let event = await next(); event !== undefined; event = await next()) {
      seen.push(event);
      if (test(event)) break;
    }
    return seen;
  };
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    next,
    until,
    rest: () => until(() => false),
    go,
    closed,
  };
}

/** Pulled: what is not asked for is not read, and stays in the sockets. */
async function* parsed(answer: IncomingMessage): AsyncGenerator<SseEvent, void, undefined> {
  let text = '';
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const field = (name: string): string =>
          new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
        if (field('data') === '') continue;
        yield { id: field('id'), event: field('event'), data: JSON.parse(field('data')) };
      }
    }
  } catch {
    // Cut off: the stream has ended.
  }
}
