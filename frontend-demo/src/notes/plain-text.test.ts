import { expect, it } from 'vitest';
import * as Y from 'yjs';
import { plainText } from './plain-text';

function element(name: string, ...children: (Y.XmlElement | Y.XmlText)[]): Y.XmlElement {
  const node = new Y.XmlElement(name);
  node.insert(0, children);
  return node;
}

it('writes a line for each block, and marked text as it reads', () => {
  const doc = new Y.Doc();
  const bold = new Y.XmlText();
  bold.applyDelta([{ insert: 'very ' }, { insert: 'bold', attributes: { bold: {} } }]);
  const item = (text: string) => element('listItem', element('paragraph', new Y.XmlText(text)));
  doc
    .getXmlFragment('default')
    .insert(0, [
      element('heading', new Y.XmlText('Title')),
      element('paragraph', bold, element('hardBreak'), new Y.XmlText('next line')),
      element('bulletList', item('one'), item('two')),
      element('table-of-the-future', element('cell', new Y.XmlText('cell'))),
    ]);
  expect(plainText(doc.getXmlFragment('default'))).toBe('Title\nvery bold\nnext line\none\ntwo\ncell');
});

it('is empty for an empty note', () => {
  expect(plainText(new Y.Doc().getXmlFragment('default'))).toBe('');
});
