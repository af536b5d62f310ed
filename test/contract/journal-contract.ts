/**
 * What every Journal must do. Adapters run this suite unchanged: it takes no options, so a
 * difference between stores cannot hide in a parameter.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import type { Journal } from '../../src/journal/port.js';
import { appendContract } from './journal-contract-append.js';
import { contentContract } from './journal-contract-content.js';
import { readContract } from './journal-contract-read.js';

/** `open` gives a fresh, empty journal; the suite closes it. */
export function journalContract(name: string, open: () => Promise<Journal>): void {
  describe(`${name} as a journal`, () => {
    let current: Journal | undefined;
    beforeEach(async () => {
      current = await open();
    });
    afterEach(async () => {
      await current?.close();
      current = undefined;
    });
    const journal = (): Journal => {
      if (current === undefined) throw new Error('no journal is open');
      return current;
    };
    appendContract(journal);
    contentContract(journal);
    readContract(journal);
  });
}
