/** Commands that ask several actors, one such command after the other: they never half undo each other. */

/** Runs a task when those handed in before it under the same key have ended, however they ended. */
export type OneByOne = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/** Bounded by who hands in: the way in lets no more than `commandsMax` commands be under way. */
export function oneByOne(): OneByOne {
  const last = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(task, task);
    last.set(key, mine);
    const forget = (): void => {
      if (last.get(key) === mine) last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  };
}
