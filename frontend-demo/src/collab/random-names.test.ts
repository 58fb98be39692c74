import { describe, expect, it } from 'vitest';
import { pick, randomPersonName, randomRoomName, secureChance } from './random-names';
import { checkRoomName } from './room-name';

const SMALLEST = () => 0;
const LARGEST = () => 1 - Number.EPSILON;

describe('random names', () => {
  it.each([SMALLEST, LARGEST, secureChance])('makes rooms that are rooms', (chance) => {
    const name = randomRoomName(chance);
    expect(name).toMatch(/^[a-z]+-[a-z]+-[1-9]\d{3}$/);
    expect(checkRoomName(name).ok).toBe(true);
  });

  it.each([SMALLEST, LARGEST, secureChance])('makes people with two words', (chance) => {
    expect(randomPersonName(chance)).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/);
  });

  it('has chances from 0 to below 1', () => {
    const values = Array.from({ length: 200 }, secureChance);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(190);
  });

  it('refuses to pick from nothing', () => {
    expect(() => pick([], SMALLEST)).toThrow(RangeError);
  });
});
