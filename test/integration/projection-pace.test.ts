/** F4: how often the read models take a page, and who need not wait for it. The clock stands still. */
import { afterEach, expect, it } from 'vitest';
import { memoryJournal } from '../../src/journal/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { openViews, type LiveViews } from '../../src/projections/index.js';
import { virtualClock } from '../support/clock.js';
import { BEGIN, scopeConfigured } from '../support/projection-history.js';
import { tell } from '../support/projection-journal.js';

const PATIENCE_MS = 20_000;
const FACTS = 30;
let views: LiveViews | undefined;
afterEach(async () => {
  await views?.stop();
  views = undefined;
});

/** Facts one after another, each given the turns it takes to be shown when nothing holds it up. */
async function toldOneByOne() {
  const { journal } = memoryJournal();
  const clock = virtualClock(BEGIN);
  views = await openViews({ journal, clock, log: silentLogger, memory: true });
  views.start();
  for (let n = 0; n < FACTS; n += 1) {
    await tell(journal, [scopeConfigured(BEGIN, 'own', n)]);
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return { journal, clock, views };
}

it('shows the first facts at once, and rests when they come without end', async () => {
  const at = await toldOneByOne();
  expect(at.views.position()).toBeGreaterThanOrEqual(3);
  expect(at.views.position()).toBeLessThan(FACTS);
  await at.clock.advance(1000);
  expect(at.views.position()).toBe(FACTS);
});

it('shows everything at once to whoever waits for it', async () => {
  const at = await toldOneByOne();
  expect(await at.views.caughtUp(await at.journal.head(), PATIENCE_MS)).toBe(true);
  expect(at.views.position()).toBe(FACTS);
});
