/** Whether one is connected and whether one's changes are saved, in words that are true. */

import type { IconNode } from 'lucide';
import { Check, CloudOff, HelpCircle, LoaderCircle, TriangleAlert } from 'lucide';
import type { ConnectionView } from '../collab/connection-state';
import type { RoomSession } from '../collab/room-session';
import type { SavedView } from '../collab/saved-state';
import { strings } from '../strings';
import { Icon } from '../ui/icon';
import './status.css';

export function Status({ session }: { session: RoomSession }) {
  return (
    <div class="status">
      <SavedMark view={session.saved.value} />
      <ConnectionMark view={session.connection.value} />
      <Announcer session={session} />
    </div>
  );
}

function ConnectionMark({ view }: { view: ConnectionView }) {
  return (
    <span class="status__connection" data-testid="connection-state" data-state={view.phase}>
      <span class="status__dot" aria-hidden="true" />
      {strings.connection[view.phase]}
    </span>
  );
}

export type SavedWording = keyof typeof strings.savedHint;

export function savedWording({ status, unsaved, checking, slow }: SavedView): SavedWording {
  if (status === 'offline') return unsaved ? 'offlineUnsaved' : 'offlineSaved';
  if (status === 'unknown') return checking ? 'checking' : 'unknown';
  if (status === 'saving') return slow ? 'slow' : 'saving';
  return status;
}

const ICONS: Record<SavedWording, IconNode> = {
  saving: LoaderCircle,
  slow: LoaderCircle,
  checking: LoaderCircle,
  saved: Check,
  unknown: HelpCircle,
  offlineUnsaved: CloudOff,
  offlineSaved: Check,
  refused: TriangleAlert,
};

function SavedMark({ view }: { view: SavedView }) {
  const wording = savedWording(view);
  return (
    <span
      class="status__saved"
      data-testid="saved-state"
      data-state={view.status}
      data-wording={wording}
      title={strings.savedHint[wording]}
    >
      <Icon shape={ICONS[wording]} size={16} />
      {strings.saved[wording]}
    </span>
  );
}

/** Speaks of what matters only: not of each "Saving…", which would interrupt a screen reader all the time. */
function Announcer({ session }: { session: RoomSession }) {
  const { phase, everOnline } = session.connection.value;
  const wording = savedWording(session.saved.value);
  const spoken =
    wording === 'refused' || wording === 'offlineUnsaved'
      ? strings.savedHint[wording]
      : everOnline || phase === 'refused'
        ? strings.connection[phase]
        : '';
  return (
    <span class="visually-hidden" role="status">
      {spoken}
    </span>
  );
}
