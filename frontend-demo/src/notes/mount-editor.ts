/** Makes an editor on a room's document and takes it away again. Owns the editor's life; knows no component. */

import { Editor } from '@tiptap/core';
import type { RoomSession } from '../collab/room-session';
import { strings } from '../strings';
import { followCaretActivity } from './carets';
import { NOTE_FIELD, noteExtensions, noteSchema } from './extensions';
import { findUnknownContent, guardSchema } from './schema-guard';

export interface MountedEditor {
  readonly editor: Editor;
  destroy(): void;
}

/**
 * The session must have loaded its document. Calls `onForeign`, now or later, when the note holds what this
 * page does not know; then there is no editor (any more), and nothing returned if that is so from the start.
 */
export function mountEditor(
  place: HTMLElement,
  session: RoomSession,
  onForeign: (name: string) => void,
): MountedEditor | undefined {
  const fragment = session.doc.getXmlFragment(NOTE_FIELD);
  const schema = noteSchema();
  const unknown = findUnknownContent(fragment, schema);
  if (unknown !== undefined) {
    onForeign(unknown);
    return undefined;
  }
  const endings: (() => void)[] = [];
  const destroy = () => {
    for (const end of endings.splice(0)) end();
  };
  endings.push(
    guardSchema(fragment, schema, (name) => {
      destroy();
      onForeign(name);
    }),
  );
  const editor = createEditor(place, session);
  endings.push(followCaretActivity(session.awareness, place), () => editor.destroy());
  return { editor, destroy };
}

export function isEditable(session: RoomSession): boolean {
  return session.writable.value && session.connection.value.phase !== 'refused';
}

function createEditor(place: HTMLElement, session: RoomSession): Editor {
  return new Editor({
    element: place,
    extensions: noteExtensions(session, session.identity.current.peek()),
    editable: isEditable(session),
    injectCSS: false,
    editorProps: {
      attributes: {
        id: 'note-text',
        class: 'note-text',
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': strings.note.label(session.room),
        'data-testid': 'editor',
      },
    },
  });
}

/** Puts the caret at the end of the note, in a paragraph: after a list or a quote that takes a new one. */
export function writeAtEnd(editor: Editor): void {
  const { doc } = editor.state;
  if (doc.lastChild?.type.name === 'paragraph') {
    editor.commands.focus('end');
  } else {
    editor.chain().insertContentAt(doc.content.size, { type: 'paragraph' }).focus('end').run();
  }
}
