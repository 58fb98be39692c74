/**
 * What a note may hold: the editor's schema and its behaviour. Every page that opens a note must agree on the
 * schema, see `schema-guard.ts`.
 */

import { type Extensions, getSchema } from '@tiptap/core';
import { Collaboration } from '@tiptap/extension-collaboration';
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret';
import { Link } from '@tiptap/extension-link';
import { TaskItem, TaskList } from '@tiptap/extension-list';
import { Placeholder } from '@tiptap/extensions';
import type { Schema } from '@tiptap/pm/model';
import { StarterKit } from '@tiptap/starter-kit';
import type { Identity } from '../collab/identity';
import type { RoomSession } from '../collab/room-session';
import { strings } from '../strings';
import { caretElement, caretSelection } from './carets';

/** The name of the Y.XmlFragment that holds the note. Part of the stored format. */
export const NOTE_FIELD = 'default';

const LINK_PROTOCOLS = ['http', 'https', 'mailto', 'tel'];

/** The nodes and marks of a note, apart from who works on it. */
function contentExtensions(): Extensions {
  return [
    StarterKit.configure({
      heading: { levels: [1, 2, 3] },
      // Undo must not take back what others wrote: Collaboration brings its own.
      undoRedo: false,
      // It would write into the document whenever a note ends with a list or a quote, at every reader's page at
      // once. `note-editor.tsx` adds a paragraph when somebody asks for one.
      trailingNode: false,
      link: false,
    }),
    // What is typed behind a link does not belong to it.
    Link.extend({ inclusive: false }).configure({
      openOnClick: false,
      defaultProtocol: 'https',
      isAllowedUri: (url, context) => context.defaultValidate(url) && hasAllowedProtocol(url),
      HTMLAttributes: { rel: 'noopener noreferrer nofollow', target: '_blank' },
    }),
    TaskList,
    TaskItem.configure({
      nested: true,
      a11y: { checkboxLabel: (node) => strings.note.taskLabel(node.firstChild?.textContent ?? '') },
    }),
  ];
}

export function noteExtensions(session: RoomSession, user: Identity): Extensions {
  return [
    ...contentExtensions(),
    Placeholder.configure({
      placeholder: ({ editor }) =>
        editor.isEditable ? strings.note.placeholder : strings.note.placeholderReadOnly,
      showOnlyWhenEditable: false,
    }),
    Collaboration.configure({ document: session.doc, field: NOTE_FIELD }),
    CollaborationCaret.configure({
      provider: { awareness: session.awareness },
      user: { ...user },
      render: caretElement,
      selectionRender: caretSelection,
    }),
  ];
}

export function noteSchema(): Schema {
  return getSchema(contentExtensions());
}

/** Whether an address may become a link: the web, mail and telephone, nothing that runs code. */
export function hasAllowedProtocol(address: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address.trim())?.[1];
  // "example.org:8080" looks like a scheme with dots, which no allowed one has.
  return scheme === undefined || scheme.includes('.') || LINK_PROTOCOLS.includes(scheme.toLowerCase());
}
