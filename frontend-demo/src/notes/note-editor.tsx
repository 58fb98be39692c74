/** The text of a note, or why it is not shown. */

import { useSignalEffect } from '@preact/signals';
import type { Editor } from '@tiptap/core';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RoomSession } from '../collab/room-session';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Panel } from '../ui/message';
import { CopyNoteText } from './ended-panel';
import { isEditable, mountEditor, writeAtEnd } from './mount-editor';
import './note-text.css';

export interface NoteEditorProps {
  session: RoomSession;
  /** Called with the editor once it is there, and with undefined when it is gone. */
  onEditor: (editor: Editor | undefined) => void;
}

export function NoteEditor({ session, onEditor }: NoteEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const current = useRef<Editor | undefined>(undefined);
  const [foreign, setForeign] = useState<string>();

  useEffect(() => {
    if (place.current === null) return;
    const show = (editor: Editor | undefined) => {
      current.current = editor;
      onEditor(editor);
    };
    const mounted = mountEditor(place.current, session, (name) => {
      show(undefined);
      setForeign(name);
    });
    show(mounted?.editor);
    return () => {
      show(undefined);
      mounted?.destroy();
    };
  }, [session, onEditor]);

  useSignalEffect(() => {
    const editable = isEditable(session);
    if (current.current?.isEditable !== editable) current.current?.setEditable(editable);
  });

  if (foreign !== undefined) return <ForeignContent session={session} name={foreign} />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a larger target for the mouse; keys reach the text itself
    <div
      class="note-place"
      ref={place}
      onMouseDown={(event) => {
        if (event.target !== event.currentTarget || !current.current?.isEditable) return;
        event.preventDefault();
        writeAtEnd(current.current);
      }}
    />
  );
}

function ForeignContent({ session, name }: { session: RoomSession; name: string }) {
  return (
    <Panel
      title={strings.failure.foreignTitle}
      testId="foreign-content"
      actions={
        <>
          <Button weight="primary" onClick={() => window.location.reload()}>
            {strings.banner.reload}
          </Button>
          <CopyNoteText session={session} />
        </>
      }
    >
      <p>{strings.failure.foreignText(name)}</p>
    </Panel>
  );
}
