/** Draws a component anew whenever the editor's state may have changed. */

import type { Editor } from '@tiptap/core';
import { useEffect, useState } from 'preact/hooks';

export function useEditorRevision(editor: Editor): number {
  const [revision, setRevision] = useState(0);
  useEffect(() => {
    let frame = 0;
    // Once per picture: a burst of remote changes is many transactions.
    const schedule = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setRevision((value) => value + 1);
      });
    };
    editor.on('transaction', schedule);
    editor.on('update', schedule);
    return () => {
      cancelAnimationFrame(frame);
      editor.off('transaction', schedule);
      editor.off('update', schedule);
    };
  }, [editor]);
  return revision;
}
