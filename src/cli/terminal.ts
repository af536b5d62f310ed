/** Where a command writes to, and what it may know of whoever reads it. */

export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Cells of a line; undefined: nobody looks, it goes to a file or another program. */
  readonly columns: () => number | undefined;
  /** Lines of the screen. */
  readonly rows: () => number | undefined;
  readonly isTty: boolean;
  /** Aborts when nobody reads any more, or somebody asked to stop. */
  readonly ended: (follow: () => void) => () => void;
};

/** The process's own: a reader that went away ends it silently. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  let isClosed = false;
  const followers = new Set<() => void>();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isClosed = true;
    for (const follow of followers) follow();
  });
  return {
    out: (text) => {
      if (!isClosed) stdout.write(text);
    },
    err: (text) => {
      stderr.write(text);
    },
    columns: () => (stdout.isTTY ? stdout.columns : undefined),
    rows: () => (stdout.isTTY ? stdout.rows : undefined),
    isTty: stdout.isTTY,
    ended: (follow) => {
      followers.add(follow);
      for (const signal of SIGNALS) process.once(signal, follow);
      return () => {
        followers.delete(follow);
        for (const signal of SIGNALS) process.off(signal, follow);
      };
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** For programs that hand in their own pair of writers: no terminal looks. */
export function plainTerminal(out: (text: string) => void, err: (text: string) => void): Terminal {
  return {
    out,
    err,
    columns: () => undefined,
    rows: () => undefined,
    isTty: false,
    ended: () => () => undefined,
  };
}
