import { describe, expect, it } from 'vitest';
import { JournalUnavailable } from '../../src/journal/port.js';
import { engineBench, MINUTE } from '../support/door-engine.js';
import { testHost } from '../support/host.js';

/** A journal whose next appends fail before they are stored. */
function failing(appends: number): ReturnType<typeof testHost> {
  const held = testHost();
  for (let n = 0; n < appends; n += 1) held.faults.failNext('before-commit');
  return held;
}

describe('the start of the engine', () => {
  it('waits for a journal that is away for a moment, and then everything is configured', async () => {
    const held = failing(4);
    const starting = engineBench({ host: held });
    await held.clock.advance(MINUTE);
    const bench = await starting;
    await bench.clock.advance(2 * MINUTE);
    for (const type of ['ScopeConfigured', 'BreakerConfigured', 'CollectorConfigured']) {
      expect(bench.facts(type), type).toHaveLength(1);
    }
    expect(bench.facts('RunSucceeded').length).toBeGreaterThan(0);
  });

  it('fails when the journal stays away: nothing is started that could never work', async () => {
    const held = failing(1000);
    const starting = engineBench({ host: held });
    const failed = expect(starting).rejects.toThrow(JournalUnavailable);
    await held.clock.advance(5 * MINUTE);
    await failed;
    expect(held.store.log).toEqual([]);
  });
});
