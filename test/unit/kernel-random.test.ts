import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/kernel/random.js';

describe("the system's chance", () => {
  it('is in [0, 1), spread over all of it, and never the same twice', () => {
    const random = systemRandom();
    // More than it fetches at once, three times.
    const numbers = Array.from({ length: 4000 }, () => random.next());
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const tenths = new Set(numbers.map((number) => Math.floor(number * 10)));
    expect(tenths.size).toBe(10);
  });

  it('is another one for each who asks for it', () => {
    const [one, other] = [systemRandom(), systemRandom()];
    expect(one.next()).not.toBe(other.next());
  });
});
