/** Tokens while no service runs: the journal is opened for as long as it takes to write one. */
import type { OfflineTokens } from '../cli/index.js';
import { UsageInvalid } from '../cli/index.js';
import { createTokenOffline } from '../gateway/index.js';
import { openJournal } from '../journal/index.js';
import type { Random } from '../kernel/random.js';
import { systemSecretBytes } from '../kernel/secret-bytes.js';
import type { Clock } from '../kernel/time.js';

export type OfflineDeps = {
  readonly clock: Clock;
  readonly random: Random;
  /** Name of this node, as the service's configuration has it. */
  readonly node: string;
};

/** A running service keeps its journal locked: `create` then rejects with JournalLocked. */
export function offlineTokens({ clock, random, node }: OfflineDeps): OfflineTokens {
  return {
    async create(path, wish) {
      const fatal = (error: Error): never => {
        throw error;
      };
      const { journal, close } = await openJournal({ kind: 'sqlite', path, clock }, fatal);
      try {
        const parts = { clock, random, secretBytes: systemSecretBytes, node };
        const made = await createTokenOffline(journal, wish, parts);
        if (!made.ok) throw new UsageInvalid([made.error.detail]);
        const { text, token } = made.value;
        const { id, expiresAt } = token;
        return { id, secret: text, ...(expiresAt === undefined ? {} : { expiresAt }) };
      } finally {
        await close();
      }
    },
  };
}
