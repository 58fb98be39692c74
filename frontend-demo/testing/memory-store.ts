/** A LocalStore in memory. For tests only. */

import type { LocalStore } from '../src/collab/local-store';

export function memoryStore(initial: Record<string, unknown> = {}): LocalStore {
  const values = new Map(Object.entries(initial));
  return {
    read: (key) => values.get(key) ?? null,
    write: (key, value) => void values.set(key, structuredClone(value)),
  };
}
