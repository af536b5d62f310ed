/** A request of a fake upstream that came over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { deliver, type Wire } from './deliver.js';
import { BODY_BYTES_MAX, exchange, type ExchangeContext, type Mounted } from './exchange.js';

/** What a POST brings; cut off where it is too long or its sender went away. */
async function bodyOf(incoming: IncomingMessage): Promise<string> {
  if (incoming.method !== 'POST') return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.byteLength;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    }
  } catch {
    // Gone: what it would be answered nobody hears.
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Aborts when the client is gone or the sandbox closes. */
function goneSignal(response: ServerResponse, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
  };
  response.once('close', leave);
  closing.addEventListener('abort', leave, { once: true, signal: gone.signal });
  if (closing.aborted) leave();
  return gone.signal;
}

/** Serves one request to a provider. Rejects only for a bug in a provider. */
export async function serveHttp(
  incoming: IncomingMessage,
  response: ServerResponse,
  url: URL,
  mounted: Mounted,
  context: ExchangeContext & { readonly closing: AbortSignal },
): Promise<void> {
  const { clock, closing } = context;
  if (mounted.deck.unreachable(clock.now()) !== undefined) {
    // Its own port is shut; whoever comes by the common one hears nothing either.
    incoming.socket.resetAndDestroy();
    return;
  }
  const signal = goneSignal(response, closing);
  const heard = {
    method: incoming.method ?? '',
    target: incoming.url ?? '/',
    url,
    headers: incoming.headers,
    body: await bodyOf(incoming),
  };
  await exchange(heard, mounted, context, signal, (answer, delivery, letterhead) => {
    const wire: Wire = { request: incoming, response, clock, signal, ...letterhead };
    return deliver(answer, delivery, wire);
  });
}
