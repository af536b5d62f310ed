/** Starts subscribers in another process (grpc-watch-child.ts) and counts what our side makes for them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CONTRACT } from '../../src/gateway/index.js';
import type { Contract } from '../../src/gateway/grpc/binding.js';
import type { Opened } from '../../src/gateway/operation.js';
import type { AnyStreamOperation, StreamItem } from '../../src/gateway/operation.js';
import type { Delays, Half, Said, Seen, Wish } from './grpc-watch-child.js';

export type Subscribers = {
  /** Resolves when all are open: the live ones are up to date, the stalled ones read no more. */
  open(wish: Omit<Extract<Wish, { do: 'open' }>, 'do'>): Promise<void>;
  /** Resolves when each of a half has seen so many keys at this version or a later one. */
  see(who: Half, keys: number, version: number): Promise<readonly Seen[]>;
  /** The stalled ones read on. */
  wake(): Promise<void>;
  delays(): Promise<Delays>;
  end(): Promise<void>;
};

/** `execArgv`: how the program is run where it is not compiled. */
export function startSubscribers(execArgv: readonly string[] = ['--import', 'tsx']): Subscribers {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`./grpc-watch-child.${extension}`, import.meta.url));
  const child = fork(program, { execArgv: [...execArgv] });
  const ended = once(child, 'exit');
  const asked = async <T extends Said['did']>(
    did: T,
    wish: Wish & { readonly do: T },
  ): Promise<Extract<Said, { did: T }>> => {
    const told = once(child, 'message');
    child.send(wish);
    const said = await Promise.race([told, ended]);
    const [one] = said as [Said | number | null];
    if (typeof one !== 'object' || one?.did !== did) throw new Error(`the subscribers ended`);
    return one as Extract<Said, { did: T }>;
  };
  return {
    async open(wish) {
      await asked('open', { do: 'open', ...wish });
    },
    see: async (who, keys, version) => (await asked('see', { do: 'see', who, keys, version })).seen,
    async wake() {
      await asked('wake', { do: 'wake' });
    },
    delays: () => asked('delays', { do: 'delays' }),
    async end() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** What one stream took from its iterable. */
export type Pulled = { items: number; bytes: number };

export type Counted = {
  readonly contract: Contract;
  /** Messages encoded, of all streams. */
  readonly encoded: () => number;
  /** By stream, in the order in which they were opened. */
  readonly pulled: readonly Pulled[];
};

/** The contract of the program, with a tally of what its streams make. */
export function countedContract(): Counted {
  const pulled: Pulled[] = [];
  const sizes = new WeakMap<StreamItem, number>();
  let encoded = 0;
  const methods = CONTRACT.services.flatMap((service) => Object.values(service));
  const streamMessages = Object.fromEntries(
    Object.entries(CONTRACT.streamMessages).map(([name, messages]) => {
      const method = methods.find(({ path }) => path.endsWith(`/${name}`));
      const response = (item: StreamItem): object => {
        const message = messages.response(item);
        encoded += 1;
        sizes.set(item, method?.responseSerialize(message).length ?? 0);
        return message;
      };
      return [name, { ...messages, response }];
    }),
  );
  const streams = CONTRACT.streams.map((row): AnyStreamOperation => {
    const open = async (...args: Parameters<typeof row.open>): Promise<Opened> => {
      const opened = await row.open(...args);
      if (!opened.ok) return opened;
      const own = { items: 0, bytes: 0 };
      pulled.push(own);
      return { ok: true, value: tallied(opened.value, own, sizes) };
    };
    return { ...row, open };
  });
  return { contract: { ...CONTRACT, streams, streamMessages }, encoded: () => encoded, pulled };
}

async function* tallied(
  items: AsyncIterable<StreamItem>,
  own: Pulled,
  sizes: WeakMap<StreamItem, number>,
): AsyncGenerator<StreamItem, void, undefined> {
  for await (const item of items) {
    own.items += 1;
    yield item;
    own.bytes += sizes.get(item) ?? 0;
  }
}
