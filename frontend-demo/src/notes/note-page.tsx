/** The page of one note: opens the room, and shows bar, toolbar and text. */

import type { Editor } from '@tiptap/core';
import { Link as LinkIcon, NotebookPen } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { ErrorBoundary } from '../app/error-boundary';
import { useServices } from '../app/services';
import type { RoomSession } from '../collab/room-session';
import { Link } from '../routing/link';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Banner } from '../ui/message';
import { CopyButton } from './copy-button';
import { EndedPanel } from './ended-panel';
import { NoteBanner } from './note-banners';
import { NoteEditor } from './note-editor';
import { NoteSkeleton } from './note-skeleton';
import { People } from './people';
import { RoomTitle } from './room-title';
import { Status } from './status';
import { Toolbar } from './toolbar';
import './note-page.css';

export function NotePage({ room }: { room: string }) {
  const { sessions, recent } = useServices();
  const [session, setSession] = useState<RoomSession>();
  useEffect(() => {
    setSession(sessions.open(room));
    recent.remember(room, Date.now());
    document.title = strings.app.title(room);
    return () => sessions.release(room);
  }, [room, sessions, recent]);
  return session === undefined ? <NoteSkeleton /> : <OpenNote session={session} />;
}

function OpenNote({ session }: { session: RoomSession }) {
  const [editor, setEditor] = useState<Editor>();
  return (
    <div class="note">
      <button type="button" class="note__skip no-print" onClick={() => editor?.commands.focus()}>
        {strings.app.skip}
      </button>
      <header class="note__head">
        <NoteBar session={session} />
        {session.connection.value.phase !== 'refused' && (
          <div class="note__tools no-print">{editor !== undefined && <Toolbar editor={editor} />}</div>
        )}
      </header>
      <main class="note__main">
        <NoteNotices session={session} />
        {session.loaded.value && (
          <ErrorBoundary>
            <NoteEditor session={session} onEditor={setEditor} />
          </ErrorBoundary>
        )}
      </main>
    </div>
  );
}

function NoteBar({ session }: { session: RoomSession }) {
  const { router } = useServices();
  return (
    <div class="note__bar">
      <Link class="note__home" to={router.startPath} label={strings.app.home}>
        <Icon shape={NotebookPen} size={20} />
      </Link>
      <RoomTitle room={session.room} />
      <CopyButton
        weight="quiet"
        class="note__copy"
        text={() => window.location.origin + router.notePath(session.room)}
        label={strings.note.copyLink}
        doneLabel={strings.note.copied}
        failedLabel={strings.note.copyFailed}
        icon={LinkIcon}
        testId="copy-link"
      />
      <Status session={session} />
      <People people={session.people.value} />
    </div>
  );
}

/** What there is to say above the text, or instead of it. */
function NoteNotices({ session }: { session: RoomSession }) {
  const { phase, closing } = session.connection.value;
  if (phase === 'refused' && closing !== undefined) return <EndedPanel session={session} closing={closing} />;
  if (session.loaded.value) return <NoteBanner session={session} />;
  return (
    <>
      {phase === 'offline' && (
        <Banner
          tone="warn"
          testId="banner-unreachable"
          action={<Button onClick={() => session.retry()}>{strings.banner.retry}</Button>}
        >
          {strings.banner.unreachable}
        </Banner>
      )}
      <NoteSkeleton />
    </>
  );
}
