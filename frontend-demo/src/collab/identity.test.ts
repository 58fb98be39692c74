import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../testing/memory-store';
import { cleanName, createIdentityStore, IDENTITY_KEY } from './identity';
import { PALETTE } from './palette';
import { secureChance } from './random-names';

describe('cleanName', () => {
  it('makes one visible line of at most forty characters', () => {
    expect(cleanName('  Mira\n\tNovák ')).toBe('Mira Novák');
    expect(cleanName('a\u202eb')).toBe('a b');
    expect(Array.from(cleanName('😀'.repeat(60)))).toHaveLength(40);
    expect(cleanName(42)).toBe('');
  });
});

describe('createIdentityStore', () => {
  it('invents somebody at the first visit and keeps them', () => {
    const store = memoryStore();
    const first = createIdentityStore(store, secureChance).current.value;
    expect(first.name).toMatch(/\w+ \w+/);
    expect(PALETTE).toContain(first.color);
    expect(createIdentityStore(store, secureChance).current.value).toEqual(first);
  });

  it('keeps a new name and colour, and no empty name', () => {
    const store = memoryStore();
    const identity = createIdentityStore(store, secureChance);
    identity.rename(' Mira ');
    identity.rename('   ');
    identity.recolor('#3a68d8');
    expect(store.read(IDENTITY_KEY)).toMatchObject({ name: 'Mira', color: '#3a68d8' });
    expect(identity.current.value.name).toBe('Mira');
  });

  it.each([null, 'text', { name: 'Mira' }, { id: '', name: 'Mira' }, { id: 'x', name: ' ' }])(
    'starts anew from %j',
    (kept) => {
      const store = memoryStore({ [IDENTITY_KEY]: kept });
      expect(createIdentityStore(store, secureChance).current.value.name).not.toBe('');
    },
  );

  it('takes over what another tab wrote', () => {
    const store = memoryStore();
    const [here, there] = [
      createIdentityStore(store, secureChance),
      createIdentityStore(store, secureChance),
    ];
    there.rename('Mira');
    here.reload();
    expect(here.current.value).toEqual(there.current.value);
  });
});
