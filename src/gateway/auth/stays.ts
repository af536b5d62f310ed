/**
 * Who stays: calls that go on, watched for the moment their principal would not be let in any more.
 *
 * S1 Looked at when the tokens change and when the principal's own time is up; told once, then forgotten.
 */
import type { Clock } from '../../kernel/time.js';
import type { Gatekeeper, Principal } from './principal.js';

export type StayParts = {
  /** Whether a new call of it would be let in now, as far as tokens say. */
  readonly isIn: (principal: Principal) => boolean;
  /** Calls the listener after each change of the tokens. */
  readonly onChange: (listener: () => void) => void;
  readonly clock: Clock;
};

/** As many as the edges have streams open: they bound it. */
export function stays({ isIn, onChange, clock }: StayParts): Gatekeeper['hold'] {
  const held = new Set<() => void>();
  onChange(() => {
    for (const look of [...held]) look();
  });
  return (principal, gone) => {
    let cancel = (): void => undefined;
    const leave = (): void => {
      cancel();
      held.delete(look);
    };
    const isOver = (): boolean =>
      (principal.expiresAt !== undefined && clock.now() >= principal.expiresAt) || !isIn(principal);
    function look(): void {
      if (!held.has(look)) return;
      if (!isOver()) {
        arm();
        return;
      }
      leave();
      gone();
    }
    function arm(): void {
      cancel();
      const { expiresAt } = principal;
      if (expiresAt !== undefined) cancel = clock.after(expiresAt - clock.now(), look);
    }
    held.add(look);
    look();
    return leave;
  };
}
