/**
 * Out of quarantine: every actor of a collector that could not be folded is folded again, in the order in
 * which a start does it, and told its configuration, which it could not take before.
 */
import type { StreamId } from '../kernel/types.js';
import type { Member } from './assembly.js';
import { conditioned } from './conditions.js';
import type { SteerContext, Steered } from './engine.js';
import type { Host } from './host.js';
import { NOTHING_DONE, refused } from './steered.js';

type Patient = {
  readonly handle: { readonly stream: StreamId; quarantined(): string | undefined };
  readonly configure: () => Promise<void>;
};

/**
 * `changed`: one came back. Refused while one still cannot be folded; those before it are back.
 * @throws {JournalUnavailable} one is back and could not be configured.
 */
export function unquarantine(member: Member, host: Host, context: SteerContext): Promise<Steered> {
  return conditioned(member, 'collector', context, async () => {
    const patients = patientsOf(member).filter(({ handle }) => handle.quarantined() !== undefined);
    const isNeeded = patients.length > 0;
    if (context.dryRun === true) return { ...NOTHING_DONE, changed: isNeeded, events: [] };
    if (!isNeeded) return NOTHING_DONE;
    for (const { handle, configure } of patients) {
      const why = await host.revive(handle.stream);
      if (why !== undefined) {
        const detail = `${handle.stream} still cannot be folded: ${why}`;
        return refused({ kind: 'illegal-state', detail });
      }
      await configure();
    }
    return { ok: true, changed: true, position: 0 };
  });
}

function patientsOf({ handle, configure, upstreams }: Member): readonly Patient[] {
  const scopes = new Set(upstreams.map(({ scope }) => scope));
  return [...scopes, ...upstreams, { handle, configure }];
}
