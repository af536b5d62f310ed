/**
 * Turns in virtual time: start-time fair queueing (Goyal, Vin, Cheng 1996), by which classes of calls
 * share a scope by weight, and the collectors of a class share it evenly.
 *
 * T1 Whoever waits has a turn from the moment it came: not before the virtual time of then, and one
 *    stride after the last turn of its flow. Turns never move back, so everybody's comes.
 * T2 Turns belong to the flow: who goes takes one and leaves the others theirs, whoever of the flow it
 *    is; who goes away without having gone gives the last one back, as if it had never come.
 * T3 Time stands while nobody waits: what was sent when nobody else wanted to is not held against it.
 */

/** One flow's turns, earliest first: as many as there are waiters. */
export type Turns = {
  readonly stride: number;
  readonly due: number[];
  /** When a turn asked for now would be due, if the virtual time is not beyond it. */
  next: number;
};

export function turnsOf(stride: number): Turns {
  return { stride, due: [], next: 0 };
}

/** T1. */
export function giveTurn(turns: Turns, virtualTime: number): void {
  const due = Math.max(turns.next, virtualTime);
  turns.due.push(due);
  turns.next = due + turns.stride;
}

/** T2: the turn at `index` is used; answers the virtual time it lets pass. */
export function useTurn(turns: Turns, index: number, virtualTime: number): number {
  const [due] = turns.due.splice(index, 1);
  return Math.max(virtualTime, due ?? 0);
}

/** T2. */
export function giveBackTurn(turns: Turns): void {
  turns.next = turns.due.pop() ?? turns.next;
}
