// One document with every value that some implementation loses: node precious.mjs
// Prints the updates in order, that of a deletion in the middle included.

import * as Y from 'yjs'

const PRECIOUS = [
  2n ** 63n - 1n, -(2n ** 63n), 0n, -0, 0.1, 5e-324, 1e300, Math.fround(0.1), NaN, Infinity, 2 ** 53 - 1, 2 ** 70,
  undefined, null, new Uint8Array([0, 255]), { z: 1, a: { y: [-0], b: 2n }, m: undefined },
]

const legacy = (doc, values) => {
  const type = doc.get('array', Y.Array)
  const id = Y.createID(doc.clientID, Y.getState(doc.store, doc.clientID))
  doc.transact((transaction) => {
    new Y.Item(id, null, null, null, null, type, null, new Y.ContentJSON(values)).integrate(transaction, 0)
  })
}

const doc = new Y.Doc({ gc: false })
doc.clientID = 7
const log = []
doc.on('update', (update) => log.push(Buffer.from(update).toString('base64')))
legacy(doc, [{ z: 1, a: 'x\udc00y' }, undefined, -1.5])
for (const value of PRECIOUS) {
  // Wrapped: Yjs takes some of them only inside another value.
  doc.get('array', Y.Array).push([[value]])
  doc.get('map', Y.Map).set('k', { value })
}
doc.get('array', Y.Array).push([new Uint8Array([1, 2])])
doc.get('map', Y.Map).set('sub', new Y.Doc({ guid: 'page', meta: { big: 9n, zero: -0 }, autoLoad: true }))
doc.get('xml', Y.XmlFragment).insert(0, [new Y.XmlHook('widget'), new Y.XmlElement('p')])
doc.get('text', Y.Text).insert(0, 'abc')
doc.get('text', Y.Text).insertEmbed(1, { z: 0.1, a: 'l\ud800one' })
doc.get('text', Y.Text).format(0, 2, { link: { z: 1, a: [1e300] } })
doc.get('array', Y.Array).delete(1, 1)
process.stdout.write(JSON.stringify({ log }) + '\n')
