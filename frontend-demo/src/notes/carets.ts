/** The others' carets: how they look, and that a name shows while its owner moves and then steps back. */

import type { DecorationAttrs } from '@tiptap/pm/view';
import type { Awareness } from 'y-protocols/awareness';
import type { Transaction } from 'yjs';
import { cleanName } from '../collab/identity';
import { safeColor } from '../collab/palette';
import { strings } from '../strings';

const NAME_SHOWN_MS = 2_500;

type UserFields = Record<string, unknown>;

export function caretElement(user: UserFields): HTMLElement {
  const caret = document.createElement('span');
  caret.className = 'caret is-active';
  caret.style.setProperty('--caret-color', safeColor(user.color));
  caret.dataset.user = ownerOf(user);
  caret.setAttribute('aria-hidden', 'true');
  const label = document.createElement('span');
  label.className = 'caret__name';
  label.textContent = cleanName(user.name) || strings.people.guest;
  caret.append(label);
  return caret;
}

export function caretSelection(user: UserFields): DecorationAttrs {
  return { class: 'caret-selection', style: `--caret-color: ${safeColor(user.color)}` };
}

/** Shows the names of those who move or write, for a while. Returns what ends it. */
export function followCaretActivity(awareness: Awareness, root: HTMLElement): () => void {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const setActive = (owner: string, active: boolean) => {
    for (const caret of root.querySelectorAll<HTMLElement>('.caret')) {
      if (caret.dataset.user === owner) caret.classList.toggle('is-active', active);
    }
  };
  const showActive = (client: number) => {
    const user: unknown = awareness.getStates().get(client)?.user;
    if (client === awareness.clientID || typeof user !== 'object' || user === null) return;
    const owner = ownerOf(user as UserFields);
    setActive(owner, true);
    clearTimeout(timers.get(owner));
    timers.set(
      owner,
      setTimeout(() => setActive(owner, false), NAME_SHOWN_MS),
    );
  };
  const onMove = ({ added, updated }: { added: number[]; updated: number[] }) => {
    for (const client of [...added, ...updated]) showActive(client);
  };
  // Who writes at the end of a paragraph stays "at its end": the awareness does not change.
  const onWrite = ({ beforeState, afterState }: Transaction) => {
    for (const [client, clock] of afterState) {
      if (beforeState.get(client) !== clock) showActive(client);
    }
  };
  awareness.on('change', onMove);
  awareness.doc.on('afterTransaction', onWrite);
  return () => {
    awareness.off('change', onMove);
    awareness.doc.off('afterTransaction', onWrite);
    for (const timer of timers.values()) clearTimeout(timer);
  };
}

function ownerOf(user: UserFields): string {
  return typeof user.id === 'string' ? user.id : cleanName(user.name);
}
