/** What sources are tested on over real HTTP: a server that answers as told, and the real transport. */
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/kernel/time.js';
import { undiciTransport, type UndiciTransport } from '../../src/sources/http.undici.js';
import { testServer, type TestServer } from './sources-server.js';

export type Wire = { readonly transport: UndiciTransport; readonly server: TestServer };

/** One for a whole file: there before its first test, closed after its last. */
export function wireForFile(): Wire {
  const opened: { wire?: Wire } = {};
  const there = (): Wire => {
    if (opened.wire === undefined) throw new Error('there is a wire only while tests run');
    return opened.wire;
  };
  beforeAll(async () => {
    const server = await testServer();
    opened.wire = { server, transport: undiciTransport({ clock: systemClock() }) };
  });
  afterAll(async () => {
    await there().transport.close();
    await there().server.close();
  });
  return {
    get transport() {
      return there().transport;
    },
    get server() {
      return there().server;
    },
  };
}
