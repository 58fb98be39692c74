import { describe, expect, it } from 'vitest';
import { endReason, pauseReason } from './close-codes';

describe('close codes', () => {
  it('names the ends, also those to come', () => {
    expect(endReason(4403)).toBe('forbidden');
    expect(endReason(4499)).toBe('otherEnd');
  });

  it('names the pauses, and calls the rest a lost connection', () => {
    expect(pauseReason(1012)).toBe('restarting');
    expect(pauseReason(1006)).toBe('lost');
  });
});
