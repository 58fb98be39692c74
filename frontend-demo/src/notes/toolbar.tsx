/** The toolbar: one tab stop, arrow keys within, Escape back to the text. */

import type { Editor } from '@tiptap/core';
import { Fragment } from 'preact';
import { useCallback, useRef, useState } from 'preact/hooks';
import { strings } from '../strings';
import { Icon } from '../ui/icon';
import { moveRovingFocus } from '../ui/roving';
import { LinkButton, LinkPanel, useLinkShortcut } from './link-button';
import { ariaKeys, IS_MAC, readableKeys, TOOLBAR_GROUPS, type ToolbarItem } from './toolbar-items';
import { useEditorRevision } from './use-editor-revision';
import './toolbar.css';

const LINK_INDEX = TOOLBAR_GROUPS.flat().length;

export function Toolbar({ editor }: { editor: Editor }) {
  const bar = useRef<HTMLDivElement>(null);
  const [stop, setStop] = useState(0);
  const [linkOpen, setLinkOpen] = useState(false);
  const linkButton = useRef<HTMLButtonElement>(null);
  const openLink = useCallback(() => setLinkOpen(true), []);
  const closeLink = useCallback(() => setLinkOpen(false), []);
  useLinkShortcut(editor, openLink);
  useEditorRevision(editor);

  const onKeyDown = (event: KeyboardEvent) => {
    if (bar.current === null || (event.target as HTMLElement).dataset.roving === undefined) return;
    if (event.key === 'Escape') editor.commands.focus();
    const target = moveRovingFocus(event, bar.current);
    if (target !== undefined) setStop(target);
  };

  let index = 0;
  return (
    <div class="toolbar-frame">
      <div
        ref={bar}
        class="toolbar no-print"
        role="toolbar"
        aria-label={strings.toolbar.label}
        aria-controls="note-text"
        onKeyDown={onKeyDown}
        onFocusIn={(event) => {
          const stops = [...(bar.current?.querySelectorAll('[data-roving]') ?? [])];
          const focused = stops.indexOf(event.target as HTMLElement);
          if (focused !== -1) setStop(focused);
        }}
      >
        {TOOLBAR_GROUPS.map((group) => (
          <Fragment key={group[0]?.id}>
            {group.map((item) => (
              <ToolbarButton key={item.id} item={item} editor={editor} isStop={stop === index++} />
            ))}
            <span class="toolbar__gap" aria-hidden="true" />
          </Fragment>
        ))}
        <LinkButton
          editor={editor}
          isStop={stop === LINK_INDEX}
          open={linkOpen}
          onToggle={() => setLinkOpen(editor.isEditable && !linkOpen)}
          buttonRef={linkButton}
        />
      </div>
      <LinkPanel editor={editor} open={linkOpen} onClose={closeLink} anchor={linkButton} />
    </div>
  );
}

function ToolbarButton({ item, editor, isStop }: { item: ToolbarItem; editor: Editor; isStop: boolean }) {
  const enabled = editor.isEditable && item.isEnabled(editor);
  return (
    <button
      type="button"
      class="tool"
      data-roving
      data-testid={`tool-${item.id}`}
      data-tip={`${item.label} (${readableKeys(item.keys, IS_MAC)})`}
      tabIndex={isStop ? 0 : -1}
      aria-label={item.label}
      aria-pressed={item.isActive?.(editor)}
      // Not `disabled`: that would drop it from the arrow keys' way while the focus is on it.
      aria-disabled={!enabled}
      aria-keyshortcuts={ariaKeys(item.keys, IS_MAC)}
      // Pressing must not take the focus, and with it the selection, from the text.
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => {
        if (enabled) item.run(editor);
      }}
    >
      <Icon shape={item.icon} />
    </button>
  );
}
