/** Two independent accounts of the same calls: what the journal reserved and settled, what the sandbox saw. */
import { expect } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { ProviderName, SandboxControl } from '../../src/sources/sandbox/index.js';
import { until } from './app-http.js';
import type { TestApp } from './app-service.js';

/** Which of the sandbox's upstreams a collector asks. */
export const PROVIDER_OF: Readonly<Record<string, ProviderName>> = {
  historical: 'binance',
  moralis: 'moralis',
};

export type Account = {
  readonly reserved: number;
  readonly sent: number;
  readonly seen: number;
  readonly openBlocks: number;
};

/** One collector's calls by both books, as they stand. */
export async function accountOf(app: TestApp, collector: string): Promise<Account> {
  const provider = PROVIDER_OF[collector];
  if (provider === undefined) throw new Error(`${collector} has no upstream in the sandbox`);
  // Seen first: what is reserved meanwhile can only make the other book larger.
  const seen = app.sandbox().control.counters(provider).received;
  return { ...bookOf(await app.events(), collector), seen };
}

function bookOf(events: readonly StoredEvent[], collector: string): Omit<Account, 'seen'> {
  const ours = events.filter(({ data }) => data['collector'] === collector);
  const of = (type: string): readonly JsonObject[] =>
    ours.filter((event) => event.type === type).map(({ data }) => data);
  const reserved = of('UnitsReserved');
  const settled = of('UnitsSettled');
  const sum = (list: readonly JsonObject[], member: string): number =>
    // proto3 JSON leaves out what is zero.
    list.reduce((total, data) => total + Number(data[member] ?? 0), 0);
  return {
    reserved: sum(reserved, 'calls'),
    sent: sum(settled, 'sent'),
    openBlocks: reserved.length - settled.length,
  };
}

/** P6, now: no more was seen than was reserved. */
export async function expectReserved(app: TestApp): Promise<void> {
  for (const collector of Object.keys(PROVIDER_OF)) {
    const { reserved, seen } = await accountOf(app, collector);
    expect(seen, `${collector}: calls seen upstream`).toBeLessThanOrEqual(reserved);
  }
}

/**
 * Stops the service, so that all is drained and settled, and compares both books: what was settled as
 * sent is what the sandbox saw, and no refusal of an upstream was broken.
 */
export async function expectBalanced(app: TestApp): Promise<void> {
  const { control } = app.sandbox();
  await app.stop();
  compareBooks(await app.stored(), control);
}

/** The same while it goes on running: every collector is disabled, and waited for. */
export async function expectBalancedAtRest(app: TestApp): Promise<void> {
  const names = Object.keys(PROVIDER_OF);
  for (const name of names) {
    const { status, text } = await app.post(`/collectors/${name}/disable`);
    expect(status, text).toBe(200);
  }
  await until('nothing is under way', async () => {
    const { body } = await app.get('/collectors?state=stopped');
    if (body['total_count'] !== names.length) return false;
    const events = await app.events();
    return names.every((name) => bookOf(events, name).openBlocks === 0);
  });
  compareBooks(await app.events(), app.sandbox().control);
}

function compareBooks(events: readonly StoredEvent[], control: SandboxControl): void {
  for (const [name, provider] of Object.entries(PROVIDER_OF)) {
    const { reserved, sent, openBlocks } = bookOf(events, name);
    const seen = control.counters(provider).received;
    expect(openBlocks, `${name}: blocks never settled`).toBe(0);
    expect(sent, `${name}: calls settled as sent`).toBe(seen);
    expect(seen, `${name}: calls seen upstream`).toBeLessThanOrEqual(reserved);
  }
  // Beyond a window is another matter: of a limit nobody told of, a limiter can learn no other way.
  const forbidden = control.violations().filter(({ standing }) => standing === 'violation');
  expect(forbidden, 'requests the upstream had forbidden').toEqual([]);
}
