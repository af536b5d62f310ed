/** Asks for a page of metrics, in a process of its own: answers each URL it is sent with its bytes. */
import { get } from 'node:http';

process.on('message', (url: string) => {
  get(url, (response) => {
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    response.on('end', () => process.send?.(bytes));
  });
});
