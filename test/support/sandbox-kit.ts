/** A sandbox for one test: started on a free port, closed when the test is over. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import type { Json } from '../../src/kernel/types.js';
import {
  SANDBOX_MORALIS_KEY,
  startSandbox,
  type ProviderName,
  type Sandbox,
} from '../../src/sources/sandbox/index.js';
import { virtualClock, type VirtualClock } from './clock.js';

/** 2026-01-05T12:00:00Z, at the start of a minute. */
export const NOON = Date.UTC(2026, 0, 5, 12);
export const WALLET = '0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f';
export const TOKEN = '0x4fabb145d64652a948d72533023f6e7a623c7c53';

export type Got = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined when it is not JSON. */
  readonly body: unknown;
};

export type Kit = Sandbox & {
  readonly clock: VirtualClock;
  get(provider: ProviderName, path: string, headers?: Record<string, string>): Promise<Got>;
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function got(url: string, init?: RequestInit): Promise<Got> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parsed(text) };
}

/** The key goes along by itself; pass another one, or an empty header set, to test without. */
export async function sandboxKit(options: { seed?: number; at?: number } = {}): Promise<Kit> {
  const clock = virtualClock(options.at ?? NOON);
  const random = seededRandom(options.seed ?? 1);
  const sandbox = await startSandbox({ port: 0, clock, random });
  onTestFinished(() => sandbox.close());
  return {
    ...sandbox,
    clock,
    get: (provider, path, headers = { 'x-api-key': SANDBOX_MORALIS_KEY }) =>
      got(`${sandbox.upstreamUrl(provider)}${path}`, { headers }),
  };
}

export type Recording = {
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Json;
  };
};

export function recording(file: string): Recording['response'] {
  const url = new URL(`../recordings/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as Recording).response;
}

/** Names and types all the way down; of a list the distinct shapes of its items. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = value.map((item) => JSON.stringify(shapeOf(item)));
    return [...new Set(shapes)].sort().map((shape): unknown => JSON.parse(shape));
  }
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  const members = Object.entries(value).map(([name, item]) => [name, shapeOf(item)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a plain socket saw: the bytes, and how it ended. */
export type RawAnswer = { readonly text: string; readonly end: string };

/** A GET without an HTTP client in between. `enough` may hang up early. */
export function rawGet(url: string, enough?: (bytes: number) => boolean): Promise<RawAnswer> {
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let end = 'closed';
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n` +
        `x-api-key: ${SANDBOX_MORALIS_KEY}\r\nConnection: close\r\n\r\n`,
    );
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (enough?.(bytes) === true) {
        end = 'left';
        socket.destroy();
      }
    });
    socket.on('end', () => {
      end = 'ended';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end = error.code ?? 'error';
    });
    socket.on('close', () => {
      resolve({ text: Buffer.concat(chunks).toString('utf8'), end });
    });
  });
}
