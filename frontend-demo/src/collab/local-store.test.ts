import { afterEach, describe, expect, it, vi } from 'vitest';
import { browserStore } from './local-store';

function withStorage(storage: Partial<Storage> | undefined) {
  vi.stubGlobal('window', {
    get localStorage() {
      if (storage === undefined) throw new DOMException('denied', 'SecurityError');
      return storage;
    },
  });
  return browserStore();
}

afterEach(() => vi.unstubAllGlobals());

describe('browserStore', () => {
  it('keeps JSON', () => {
    const kept = new Map<string, string>();
    const store = withStorage({
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
    });
    store.write('a', { b: 1 });
    expect(store.read('a')).toEqual({ b: 1 });
    expect(store.read('missing')).toBeNull();
    kept.set('broken', '{');
    expect(store.read('broken')).toBeNull();
  });

  it('holds values for the life of the page where storage is forbidden', () => {
    const store = withStorage(undefined);
    expect(store.read('a')).toBeNull();
    store.write('a', 1);
    expect(store.read('a')).toBe(1);
  });
});
