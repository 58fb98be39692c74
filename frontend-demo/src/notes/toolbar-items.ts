/** The commands of the toolbar: name, icon, keys, what they do and when they show as pressed. */

import type { Editor } from '@tiptap/core';
import {
  Bold,
  Code,
  Heading1,
  Heading2,
  Heading3,
  type IconNode,
  Italic,
  List,
  ListOrdered,
  ListTodo,
  Redo2,
  SquareCode,
  Strikethrough,
  TextQuote,
  Undo2,
} from 'lucide';
import { strings } from '../strings';

export interface ToolbarItem {
  readonly id: string;
  readonly label: string;
  readonly icon: IconNode;
  /** As ProseMirror writes keys: "Mod-b". */
  readonly keys: string;
  readonly run: (editor: Editor) => void;
  /** Undefined for what is not a state, such as undo. */
  readonly isActive: ((editor: Editor) => boolean) | undefined;
  readonly isEnabled: (editor: Editor) => boolean;
}

const label = strings.toolbar;

type Chain = ReturnType<Editor['chain']>;
type Command = (chain: Chain) => Chain;

/** A mark: cannot be set everywhere, in code blocks for one. */
function mark(name: keyof typeof label, icon: IconNode, keys: string, toggle: Command): ToolbarItem {
  return {
    id: name,
    label: label[name],
    icon,
    keys,
    run: (editor) => toggle(editor.chain().focus()).run(),
    isActive: (editor) => editor.isActive(name),
    isEnabled: (editor) => toggle(editor.can().chain() as Chain).run(),
  };
}

/** A kind of block. Where it does not fit (a heading in a list), the block is taken out first. */
function block(
  id: keyof typeof label,
  icon: IconNode,
  keys: string,
  toggle: Command,
  active: { name: string; attributes?: Record<string, unknown> } = { name: id },
): ToolbarItem {
  return {
    id,
    label: label[id],
    icon,
    keys,
    run: (editor) => {
      const fits = toggle(editor.can().chain() as Chain).run();
      toggle(fits ? editor.chain().focus() : editor.chain().focus().clearNodes()).run();
    },
    isActive: (editor) => editor.isActive(active.name, active.attributes),
    isEnabled: () => true,
  };
}

function heading(level: 1 | 2 | 3, icon: IconNode): ToolbarItem {
  return block(`heading${level}`, icon, `Mod-Alt-${level}`, (chain) => chain.toggleHeading({ level }), {
    name: 'heading',
    attributes: { level },
  });
}

const UNDO: ToolbarItem = {
  id: 'undo',
  label: label.undo,
  icon: Undo2,
  keys: 'Mod-z',
  run: (editor) => editor.chain().focus().undo().run(),
  isActive: undefined,
  isEnabled: (editor) => editor.can().undo(),
};

const REDO: ToolbarItem = {
  id: 'redo',
  label: label.redo,
  icon: Redo2,
  keys: 'Mod-Shift-z',
  run: (editor) => editor.chain().focus().redo().run(),
  isActive: undefined,
  isEnabled: (editor) => editor.can().redo(),
};

/** Groups in the order of the toolbar; the link button, which opens a panel, follows by itself. */
export const TOOLBAR_GROUPS: readonly (readonly ToolbarItem[])[] = [
  [UNDO, REDO],
  [heading(1, Heading1), heading(2, Heading2), heading(3, Heading3)],
  [
    mark('bold', Bold, 'Mod-b', (chain) => chain.toggleBold()),
    mark('italic', Italic, 'Mod-i', (chain) => chain.toggleItalic()),
    mark('strike', Strikethrough, 'Mod-Shift-s', (chain) => chain.toggleStrike()),
    mark('code', Code, 'Mod-e', (chain) => chain.toggleCode()),
  ],
  [
    block('bulletList', List, 'Mod-Shift-8', (chain) => chain.toggleBulletList()),
    block('orderedList', ListOrdered, 'Mod-Shift-7', (chain) => chain.toggleOrderedList()),
    block('taskList', ListTodo, 'Mod-Shift-9', (chain) => chain.toggleTaskList()),
  ],
  [
    block('blockquote', TextQuote, 'Mod-Shift-b', (chain) => chain.toggleBlockquote()),
    block('codeBlock', SquareCode, 'Mod-Alt-c', (chain) => chain.toggleCodeBlock()),
  ],
];

/** "Ctrl+Shift+8", or "⇧⌘8" on a Mac. */
export function readableKeys(keys: string, isMac: boolean): string {
  const parts = keys.split('-').map((part) => (part.length === 1 ? part.toUpperCase() : part));
  if (!isMac) return parts.map((part) => (part === 'Mod' ? 'Ctrl' : part)).join('+');
  const symbols: Record<string, string> = { Alt: '⌥', Shift: '⇧', Mod: '⌘' };
  const order = ['Alt', 'Shift', 'Mod'];
  const modifiers = order.filter((part) => parts.includes(part)).map((part) => symbols[part]);
  return modifiers.join('') + parts.filter((part) => !order.includes(part)).join('');
}

/** The same for `aria-keyshortcuts`: "Control+Shift+8". */
export function ariaKeys(keys: string, isMac: boolean): string {
  return keys
    .split('-')
    .map((part) =>
      part === 'Mod' ? (isMac ? 'Meta' : 'Control') : part.length === 1 ? part.toUpperCase() : part,
    )
    .join('+');
}

export const IS_MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent);
