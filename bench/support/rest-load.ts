/** Load on a URL, in a process of its own: answers each `Load` it is sent with a `LoadSeen`. */
import autocannon from 'autocannon';

export type Load = {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
};

export type LoadSeen = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly total: number;
};

process.on('message', ({ url, seconds, connections }: Load) => {
  void autocannon({ url, duration: seconds, connections }).then((seen) => {
    const { requests, duration, latency, non2xx, errors } = seen;
    if (non2xx + errors > 0) throw new Error(`${String(non2xx + errors)} answers were no success`);
    const { p50, p99 } = latency;
    const { total } = requests;
    process.send?.({ perSecond: total / duration, p50, p99, total } satisfies LoadSeen);
  });
});
