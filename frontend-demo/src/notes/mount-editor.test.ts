// @vitest-environment happy-dom
import { signal } from '@preact/signals-core';
import { afterEach, describe, expect, it } from 'vitest';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { memoryStore } from '../../testing/memory-store';
import { createIdentityStore } from '../collab/identity';
import type { RoomSession } from '../collab/room-session';
import { NOTE_FIELD } from './extensions';
import { type MountedEditor, mountEditor, writeAtEnd } from './mount-editor';

const mounted: MountedEditor[] = [];
afterEach(() => {
  for (const each of mounted.splice(0)) each.destroy();
});

function session(doc = new Y.Doc()): RoomSession {
  return {
    room: 'a',
    doc,
    awareness: new Awareness(doc),
    identity: createIdentityStore(memoryStore(), () => 0.5),
    writable: signal(true),
    connection: signal({ phase: 'online' }),
  } as unknown as RoomSession;
}

function mount(room: RoomSession) {
  const foreign: string[] = [];
  const made = mountEditor(document.createElement('div'), room, (name) => foreign.push(name));
  if (made !== undefined) mounted.push(made);
  return { editor: made?.editor, foreign };
}

function textOf(doc: Y.Doc): string {
  return doc.getXmlFragment(NOTE_FIELD).toString();
}

/** What a newer page could have written. */
function addFromTheFuture(doc: Y.Doc, node: Y.XmlElement): void {
  doc.getXmlFragment(NOTE_FIELD).push([node]);
}

function paragraph(text: string, mark?: string): Y.XmlElement {
  const node = new Y.XmlElement('paragraph');
  const content = new Y.XmlText();
  content.applyDelta([{ insert: text, attributes: mark === undefined ? {} : { [mark]: {} } }]);
  node.insert(0, [content]);
  return node;
}

describe('an empty note', () => {
  it('stays empty when an editor opens on it: two pages must not seed it twice', () => {
    const room = session();
    const { editor } = mount(room);
    editor?.commands.focus();
    expect(Y.encodeStateAsUpdate(room.doc)).toEqual(Y.encodeStateAsUpdate(new Y.Doc()));
  });
});

describe('a note that somebody else writes', () => {
  it('is shown without writing anything back, also when it ends with a quote', () => {
    const room = session();
    const { editor } = mount(room);
    const other = new Y.Doc();
    const quote = new Y.XmlElement('blockquote');
    quote.insert(0, [paragraph('one')]);
    other.getXmlFragment(NOTE_FIELD).push([paragraph('zero'), quote]);
    Y.applyUpdate(room.doc, Y.encodeStateAsUpdate(other), 'remote');
    editor?.commands.focus();
    expect(editor?.getText()).toContain('one');
    expect(textOf(room.doc)).toBe(textOf(other));
  });
});

describe('content of a newer page', () => {
  it('keeps the editor from opening', () => {
    const room = session();
    addFromTheFuture(room.doc, new Y.XmlElement('hologram'));
    const before = textOf(room.doc);
    expect(mount(room)).toEqual({ editor: undefined, foreign: ['hologram'] });
    expect(textOf(room.doc)).toBe(before);
  });

  it.each([
    ['node', () => new Y.XmlElement('hologram'), 'hologram'],
    ['mark', () => paragraph('text', 'glow'), 'glow'],
    ['overlapping mark', () => paragraph('text', 'comment--a1B2c3D4'), 'comment'],
    [
      'node inside one that is known',
      () => {
        const quote = new Y.XmlElement('blockquote');
        quote.insert(0, [new Y.XmlElement('hologram')]);
        return quote;
      },
      'hologram',
    ],
  ])('that arrives later closes the editor and stays whole: a %s', (_what, make, name) => {
    const room = session();
    const { editor, foreign } = mount(room);
    const other = new Y.Doc();
    addFromTheFuture(other, paragraph('before'));
    addFromTheFuture(other, make());
    Y.applyUpdate(room.doc, Y.encodeStateAsUpdate(other), 'remote');
    expect(foreign).toEqual([name]);
    expect(editor?.isDestroyed).toBe(true);
    expect(textOf(room.doc)).toBe(textOf(other));
  });

  it('is no mere formality: a mark set on known text closes it too', () => {
    const room = session();
    const { editor, foreign } = mount(room);
    editor?.commands.insertContent('text');
    const text = (room.doc.getXmlFragment(NOTE_FIELD).get(0) as Y.XmlElement).get(0) as Y.XmlText;
    text.format(0, 4, { glow: {} });
    expect(foreign).toEqual(['glow']);
    expect(text.toString()).toContain('glow');
  });
});

describe('writeAtEnd', () => {
  it('takes a new paragraph after a list, and the last paragraph otherwise', () => {
    const room = session();
    const { editor } = mount(room);
    if (editor === undefined) throw new Error('no editor');
    writeAtEnd(editor);
    expect(editor.state.doc.childCount).toBe(1);
    editor.chain().insertContent('one').toggleBulletList().run();
    writeAtEnd(editor);
    expect(editor.state.doc.childCount).toBe(2);
    expect(editor.state.selection.$head.parent.type.name).toBe('paragraph');
    writeAtEnd(editor);
    expect(editor.state.doc.childCount).toBe(2);
  });
});
