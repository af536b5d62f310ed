/** What comes to the gRPC port and is no gRPC. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CollectorServiceService as Collectors } from '../../src/gen/headgate/v1/collector_service.js';
import { servedGrpc } from '../support/grpc-served.js';

function raw(target: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(`http://${target}`);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(heard);
    });
    socket.end(bytes);
  });
}

describe('the gRPC port', () => {
  it('does nothing for plain HTTP and nonsense, and goes on for others', async () => {
    const { client, target, world } = await servedGrpc();
    const path = '/headgate.v1.CollectorService/EnableCollector';
    for (const bytes of [
      'GET /collectors HTTP/1.1\r\nhost: localhost\r\n\r\n',
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web\r\ncontent-length: 0\r\n\r\n`,
      '\u0016\u0003\u0001 nonsense',
    ]) {
      expect(await raw(target, bytes)).not.toContain('moralis');
    }
    expect(world.asked).toEqual([]);
    await client.ask(Collectors.getCollector, { name: 'moralis' });
  });
});
