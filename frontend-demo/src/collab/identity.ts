/**
 * Who I am to the others: a name, a colour, and an id that is the same in all my tabs.
 * Owns their rules and their place in the browser; knows no connection.
 */

import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { LocalStore } from './local-store';
import { PALETTE, safeColor } from './palette';
import { type Chance, pick, randomPersonName } from './random-names';

export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly color: string;
}

export const LONGEST_NAME = 40;
export const IDENTITY_KEY = 'collab.identity';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const NOT_FOR_NAMES = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** A name as others may see it: one line, no direction tricks, bounded. Empty when nothing is left. */
export function cleanName(value: unknown): string {
  if (typeof value !== 'string') return '';
  const line = value.replace(NOT_FOR_NAMES, ' ').replace(/\s+/g, ' ').trim();
  return Array.from(line).slice(0, LONGEST_NAME).join('').trim();
}

export interface IdentityStore {
  readonly current: ReadonlySignal<Identity>;
  /** An empty name is no change. */
  rename(name: string): void;
  recolor(color: string): void;
  /** Takes over what another tab has written. */
  reload(): void;
}

export function createIdentityStore(store: LocalStore, chance: Chance): IdentityStore {
  const current = signal<Identity>(readIdentity(store.read(IDENTITY_KEY)) ?? inventIdentity(chance));
  const keep = (identity: Identity) => {
    current.value = identity;
    store.write(IDENTITY_KEY, identity);
  };
  keep(current.value);
  return {
    current,
    rename(name) {
      const clean = cleanName(name);
      if (clean !== '' && clean !== current.value.name) keep({ ...current.value, name: clean });
    },
    recolor(color) {
      keep({ ...current.value, color: safeColor(color) });
    },
    reload() {
      const identity = readIdentity(store.read(IDENTITY_KEY));
      if (identity !== undefined) current.value = identity;
    },
  };
}

function readIdentity(value: unknown): Identity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, name, color } = value as Record<string, unknown>;
  const clean = cleanName(name);
  if (typeof id !== 'string' || id === '' || clean === '') return undefined;
  return { id, name: clean, color: safeColor(color) };
}

function inventIdentity(chance: Chance): Identity {
  return { id: randomId(chance), name: randomPersonName(chance), color: pick(PALETTE, chance) };
}

function randomId(chance: Chance): string {
  // Not crypto.randomUUID: that is missing on plain-HTTP pages, which classrooms have.
  return Array.from({ length: 4 }, () =>
    Math.floor(chance() * 2 ** 32)
      .toString(36)
      .padStart(7, '0'),
  ).join('');
}
