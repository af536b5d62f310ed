/** Load on a URL, in a process of its own: answers each `Load` it is sent with a `LoadSeen`. */
import autocannon from 'autocannon';

export type Load = {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** Absent: GET. */
  readonly method?: 'GET' | 'PUT';
  /** Each connection asks for another of them, again and again. Absent: for the URL itself. */
  readonly paths?: readonly string[];
  /** JSON. */
  readonly body?: string;
};

export type LoadSeen = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly total: number;
};

process.on('message', (load: Load) => {
  const { url, seconds, connections, method = 'GET', paths = [], body } = load;
  let next = 0;
  const setupClient = (client: autocannon.Client): void => {
    const path = paths[next % paths.length];
    next += 1;
    if (path === undefined) return;
    const sent =
      body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } };
    client.setRequests([{ method, path, ...sent }]);
  };
  void autocannon({ url, duration: seconds, connections, setupClient }).then((seen) => {
    const { requests, duration, latency, non2xx, errors } = seen;
    if (non2xx + errors > 0) throw new Error(`${String(non2xx + errors)} answers were no success`);
    const { p50, p99 } = latency;
    const { total } = requests;
    process.send?.({ perSecond: total / duration, p50, p99, total } satisfies LoadSeen);
  });
});
