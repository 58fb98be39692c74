/**
 * Small JSON values kept in this browser. Owns the fact that such storage may be missing or full: then values
 * live as long as the page.
 */

export interface LocalStore {
  read(key: string): unknown;
  write(key: string, value: unknown): void;
}

export function browserStore(): LocalStore {
  const memory = new Map<string, unknown>();
  return {
    read(key) {
      if (memory.has(key)) return memory.get(key);
      try {
        return JSON.parse(window.localStorage.getItem(key) ?? 'null');
      } catch {
        // Storage is forbidden (embedded, private) or holds something else's text: as if nothing was kept.
        return null;
      }
    },
    write(key, value) {
      try {
        window.localStorage.setItem(key, JSON.stringify(value));
        memory.delete(key);
      } catch {
        // Forbidden or full: the value still holds for this page.
        memory.set(key, value);
      }
    },
  };
}
