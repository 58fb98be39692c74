/**
 * Who is here: awareness states, one per tab, merged into people. Pure; knows no provider.
 */

import { cleanName, type Identity } from './identity';
import { safeColor } from './palette';

/** "Pupil 2" before "Pupil 10". */
const BY_NAME = new Intl.Collator(undefined, { numeric: true });

export interface Person {
  /** Stable while the person is here. */
  readonly key: string;
  /** Empty when the other page gave none. */
  readonly name: string;
  readonly color: string;
  readonly isSelf: boolean;
  /** Tabs or devices of the same person. */
  readonly connections: number;
}

/**
 * People in the order to show: oneself first, then by name.
 * `states` maps client ids to what each client says of itself; nothing in there is trusted.
 */
export function mergeRoster(
  states: ReadonlyMap<number, unknown>,
  ownClientId: number,
  self: Identity,
): readonly Person[] {
  const people = new Map<string, Person>();
  for (const [clientId, state] of states) {
    const person = readPerson(clientId, state, clientId === ownClientId, self);
    const known = people.get(person.key);
    people.set(person.key, known === undefined ? person : joined(known, person));
  }
  return [...people.values()].sort(compare);
}

export function sameRoster(left: readonly Person[], right: readonly Person[]): boolean {
  return (
    left.length === right.length &&
    left.every((person, index) => {
      const other = right[index];
      return (
        other !== undefined &&
        person.key === other.key &&
        person.name === other.name &&
        person.color === other.color &&
        person.isSelf === other.isSelf &&
        person.connections === other.connections
      );
    })
  );
}

function readPerson(clientId: number, state: unknown, isOwnTab: boolean, self: Identity): Person {
  const user = isRecord(state) && isRecord(state.user) ? state.user : {};
  const id = typeof user.id === 'string' && user.id !== '' ? user.id : undefined;
  const isSelf = isOwnTab || id === self.id;
  return {
    key: isSelf ? `user:${self.id}` : id === undefined ? `client:${clientId}` : `user:${id}`,
    name: isSelf ? self.name : cleanName(user.name),
    color: isSelf ? self.color : safeColor(user.color),
    isSelf,
    connections: 1,
  };
}

function joined(known: Person, other: Person): Person {
  const named = known.name === '' ? other : known;
  return { ...named, connections: known.connections + other.connections };
}

function compare(left: Person, right: Person): number {
  if (left.isSelf !== right.isSelf) return left.isSelf ? -1 : 1;
  return BY_NAME.compare(left.name, right.name) || (left.key < right.key ? -1 : 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
