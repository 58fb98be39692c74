/**
 * The link button of the toolbar and its panel: set, change, open, remove the link at the selection.
 * The panel stands beside the toolbar, which on small screens scrolls and would cut it off.
 */

import type { Editor } from '@tiptap/core';
import { ExternalLink, Link as LinkIcon, Unlink } from 'lucide';
import type { RefObject } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Field } from '../ui/field';
import { Icon } from '../ui/icon';
import { Popover } from '../ui/popover';
import { linkAddress } from './link-address';
import { ariaKeys, IS_MAC, readableKeys } from './toolbar-items';

const KEYS = 'Mod-k';

export interface LinkButtonProps {
  editor: Editor;
  isStop: boolean;
  open: boolean;
  onToggle: () => void;
  buttonRef: RefObject<HTMLButtonElement | null>;
}

export function LinkButton({ editor, isStop, open, onToggle, buttonRef }: LinkButtonProps) {
  return (
    <button
      ref={buttonRef}
      type="button"
      class="tool"
      data-roving
      data-testid="tool-link"
      data-tip={`${strings.toolbar.link} (${readableKeys(KEYS, IS_MAC)})`}
      tabIndex={isStop ? 0 : -1}
      aria-label={strings.toolbar.link}
      aria-pressed={editor.isActive('link')}
      aria-disabled={!editor.isEditable}
      aria-haspopup="dialog"
      aria-expanded={open}
      aria-keyshortcuts={ariaKeys(KEYS, IS_MAC)}
      onMouseDown={(event) => event.preventDefault()}
      onClick={onToggle}
    >
      <Icon shape={LinkIcon} />
    </button>
  );
}

export interface LinkPanelProps {
  editor: Editor;
  open: boolean;
  onClose: () => void;
  anchor: RefObject<HTMLButtonElement | null>;
}

export function LinkPanel({ editor, open, onClose, anchor }: LinkPanelProps) {
  const returnFocus = useCallback(() => {
    editor.commands.focus();
  }, [editor]);
  return (
    <Popover
      open={open}
      onClose={onClose}
      returnFocus={returnFocus}
      anchor={anchor}
      label={strings.link.title}
      class="link-panel"
    >
      <LinkForm editor={editor} onDone={onClose} />
    </Popover>
  );
}

export function useLinkShortcut(editor: Editor, onOpen: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isModified = (IS_MAC ? event.metaKey : event.ctrlKey) && !event.shiftKey && !event.altKey;
      if (!isModified || event.key.toLowerCase() !== 'k' || !editor.isEditable) return;
      event.preventDefault();
      onOpen();
    };
    const { dom } = editor.view;
    dom.addEventListener('keydown', onKeyDown);
    return () => dom.removeEventListener('keydown', onKeyDown);
  }, [editor, onOpen]);
}

function LinkForm({ editor, onDone }: { editor: Editor; onDone: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [current] = useState<string>(() => String(editor.getAttributes('link').href ?? ''));
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);

  const apply = (event: Event) => {
    event.preventDefault();
    const address = linkAddress(input.current?.value ?? '');
    if (address === undefined) {
      setProblem(strings.link.invalid);
      return;
    }
    setLink(editor, address);
    onDone();
  };
  const remove = () => {
    editor.chain().focus().extendMarkRange('link').unsetLink().run();
    onDone();
  };

  return (
    <form class="link-form" onSubmit={apply} noValidate>
      <Field
        label={strings.link.label}
        placeholder={strings.link.placeholder}
        inputRef={input}
        defaultValue={current}
        problem={problem}
        inputMode="url"
        testId="link-input"
        verbatim
        onInput={() => setProblem(undefined)}
      />
      <div class="link-form__actions">
        <Button type="submit" weight="primary">
          {strings.link.apply}
        </Button>
        {current !== '' && (
          <>
            <Button icon={Unlink} weight="quiet" onClick={remove}>
              {strings.link.remove}
            </Button>
            <a
              class="tool"
              href={current}
              target="_blank"
              rel="noopener noreferrer"
              aria-label={strings.link.open}
            >
              <Icon shape={ExternalLink} />
            </a>
          </>
        )}
      </div>
    </form>
  );
}

/** Links the selection; without one, the link around the caret; without that, the address itself is put in. */
function setLink(editor: Editor, href: string): void {
  const chain = editor.chain().focus();
  if (editor.state.selection.empty && !editor.isActive('link')) {
    chain
      .insertContent({ type: 'text', text: href, marks: [{ type: 'link', attrs: { href } }] })
      .unsetMark('link')
      .run();
  } else {
    chain.extendMarkRange('link').setLink({ href }).run();
  }
}
