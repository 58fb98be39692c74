/** A note as plain text, straight from the document: also when no editor can show it. */

import * as Y from 'yjs';

export function plainText(fragment: Y.XmlFragment): string {
  return fragment
    .toArray()
    .map((block) => blockText(block))
    .join('\n')
    .trim();
}

function blockText(type: unknown): string {
  if (type instanceof Y.XmlText) {
    return (type.toDelta() as { insert: unknown }[])
      .map(({ insert }) => (typeof insert === 'string' ? insert : ''))
      .join('');
  }
  if (!(type instanceof Y.XmlElement)) return '';
  if (type.nodeName === 'hardBreak') return '\n';
  const children = type.toArray();
  const inline = children.some((child) => child instanceof Y.XmlText);
  return children.map(blockText).join(inline ? '' : '\n');
}
