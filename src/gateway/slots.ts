/** A bound on how many of something are under way at once; who finds it full is refused, not queued. */

export type Slots = {
  /** Whether there was room: then it is taken until `leave`. */
  enter(): boolean;
  leave(): void;
};

export function slots(max: number): Slots {
  let taken = 0;
  return {
    enter() {
      if (taken >= max) return false;
      taken += 1;
      return true;
    },
    leave() {
      taken -= 1;
    },
  };
}
