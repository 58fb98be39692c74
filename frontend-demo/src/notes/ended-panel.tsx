/** The server has closed the note for good: why, what to do, and the text that is still here. */

import { Copy } from 'lucide';
import { endReason } from '../collab/close-codes';
import type { Closing } from '../collab/connection-state';
import type { RoomSession } from '../collab/room-session';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Panel } from '../ui/message';
import { CopyButton } from './copy-button';
import { NOTE_FIELD } from './extensions';
import { plainText } from './plain-text';

export function EndedPanel({ session, closing }: { session: RoomSession; closing: Closing }) {
  const { title, text } = strings.end[endReason(closing.code)];
  const unsaved = session.saved.value.unsaved;
  return (
    <Panel
      title={title}
      testId="ended"
      actions={
        <>
          <Button weight="primary" onClick={() => session.retry()}>
            {strings.endRetry}
          </Button>
          {session.loaded.value && <CopyNoteText session={session} />}
        </>
      }
    >
      <p>{text}</p>
      {unsaved && <p>{strings.endUnsaved}</p>}
      <p class="panel__detail">{strings.endDetail(closing.code, closing.reason)}</p>
    </Panel>
  );
}

export function CopyNoteText({ session }: { session: RoomSession }) {
  return (
    <CopyButton
      text={() => plainText(session.doc.getXmlFragment(NOTE_FIELD))}
      label={strings.note.copyText}
      doneLabel={strings.note.textCopied}
      failedLabel={strings.note.copyFailed}
      icon={Copy}
      testId="copy-text"
    />
  );
}
