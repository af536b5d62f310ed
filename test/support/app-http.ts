/** Plain HTTP for tests of the whole service: one connection per request, nothing kept alive. */
import { request } from 'node:http';
import { systemClock, wait } from '../../src/kernel/time.js';

export type Told = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; empty when it is none. */
  readonly body: Readonly<Record<string, unknown>>;
};

export type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};

export function ask(
  url: string,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false });
    sent.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers as Record<string, string>,
          text,
          body: /json/.test(answer.headers['content-type'] ?? '') ? jsonOf(text) : {},
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function jsonOf(text: string): Told['body'] {
  return text === '' ? {} : (JSON.parse(text) as Told['body']);
}

const clock = systemClock();
const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 25_000;

/** Resolves with the first value that is neither undefined nor false. @throws {Error} long after it should have. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUpAt = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (clock.monotonic() > giveUpAt) throw new Error(`never: ${what}`);
    await wait(clock, LOOK_EVERY_MS);
  }
}
