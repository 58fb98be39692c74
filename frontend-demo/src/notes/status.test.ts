import { expect, it } from 'vitest';
import type { SavedView } from '../collab/saved-state';
import { savedWording } from './status';

const VIEW: SavedView = {
  status: 'saved',
  unsaved: false,
  checking: false,
  slow: false,
  refusal: undefined,
  rejected: false,
};

it.each<[Partial<SavedView>, string]>([
  [{ status: 'saved' }, 'saved'],
  [{ status: 'saving', unsaved: true }, 'saving'],
  [{ status: 'saving', unsaved: true, slow: true }, 'slow'],
  [{ status: 'unknown', checking: true }, 'checking'],
  [{ status: 'unknown', unsaved: true }, 'unknown'],
  [{ status: 'offline', unsaved: true }, 'offlineUnsaved'],
  [{ status: 'offline' }, 'offlineSaved'],
  [{ status: 'refused', unsaved: true }, 'refused'],
])('%j reads as %s', (change, wording) => {
  expect(savedWording({ ...VIEW, ...change })).toBe(wording);
});
