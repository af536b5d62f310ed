/** `headgate status --watch`: redrawn on a terminal, elsewhere a line per change. */
import {
  CollectorServiceService as Collectors,
  WatchCollectorsRequest,
} from '../../gen/headgate/v1/collector_service.js';
import type { WatchCollectorsResponse } from '../../gen/headgate/v1/collector_service.js';
import { SECOND_MS } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { Plain } from '../plain.js';
import { momentText } from '../render/moments.js';
import { changeKey, changeLine, statusLines, summaryLine } from '../render/status-table.js';
import type { Line } from '../render/status-table.js';
import type { Session } from '../session.js';

type Item = Plain<WatchCollectorsResponse>;

/** Ages grow though nothing happens; more often than that nobody can read it. */
const REDRAW_MS = SECOND_MS;
/** Changes that come together are drawn together. */
const CHANGED_MS = 100;

/**
 * Shows all collectors, or one, until somebody ends it. After a lost connection it goes on from the last
 * position, so that no change is missed and nothing is told twice.
 */
export async function watch(session: Session, name: string | undefined): Promise<void> {
  const known = new Map<string, Line>();
  let position: number | undefined;
  const request = () =>
    WatchCollectorsRequest.fromPartial({
      names: name === undefined ? [] : [name],
      ...(position === undefined ? {} : { after_position: BigInt(position) }),
    });
  const screen = screenOf(session, known);
  try {
    await session.follow({ method: Collectors.watchCollectors, request }, (item) => {
      position = Math.max(position ?? 0, item.position);
      const before = item.collector === null ? undefined : known.get(item.collector.name);
      if (item.collector !== null) known.set(item.collector.name, item.collector);
      if (session.isJson) session.line(JSON.stringify(item));
      else screen.take(item, before);
    });
  } finally {
    screen.end();
  }
}

type Screen = {
  readonly take: (item: Item, before: Line | undefined) => void;
  readonly end: () => void;
};

function screenOf(session: Session, known: ReadonlyMap<string, Line>): Screen {
  const { terminal, isJson } = session;
  return terminal.isTty && !isJson ? drawn(session, known) : told(session);
}

/** The alternate screen would take the last state away at the end: it is drawn over instead. */
const HOME = '\u001b[H';
const CLEAR = '\u001b[2J';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

function drawn(session: Session, known: ReadonlyMap<string, Line>): Screen {
  const { terminal, clock } = session;
  let isComplete = false;
  let isOver = false;
  let isSoon = false;
  let cancel = (): void => undefined;
  const draw = (): void => {
    const view = session.view();
    const lines = [...known.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const head = view.paint(
      `headgate status  ${momentText(view.now, view.zone)}  Ctrl-C ends it`.slice(0, view.width),
      'dim',
    );
    const rows = Math.max(2, (terminal.rows() ?? 1000) - 3);
    const table = statusLines(lines, view);
    const shown = [head, ...table.slice(0, rows), summaryLine(lines, view)];
    terminal.out(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`);
  };
  const again = (delayMs: DurationMs): void => {
    cancel();
    cancel = clock.after(delayMs, () => {
      isSoon = false;
      draw();
      again(REDRAW_MS);
    });
  };
  return {
    take({ kind }) {
      if (isOver) return;
      if (!isComplete && (kind === 'snapshot_complete' || kind === 'change')) {
        isComplete = true;
        terminal.out(CLEAR);
        draw();
        again(REDRAW_MS);
      } else if (isComplete && !isSoon) {
        isSoon = true;
        again(CHANGED_MS);
      }
    },
    end() {
      isOver = true;
      cancel();
    },
  };
}

function told(session: Session): Screen {
  return {
    take({ collector }, before) {
      if (collector === null) return;
      if (before !== undefined && changeKey(before) === changeKey(collector)) return;
      session.line(changeLine(collector, session.view()));
    },
    end: () => undefined,
  };
}
