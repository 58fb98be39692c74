// Documents to attack: a base, updates that could come next, and honest edits by another client made on the base.
// Prints one JSON object a line: node bases.mjs <first seed> <count>

import { pathToFileURL } from 'node:url'
import * as Y from 'yjs'
import { makeHistory } from './histories.mjs'
import { replay } from './normal.mjs'
import { Random } from './random.mjs'

const HONEST_CLIENT = 4_000_000_007
const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'))
const base64 = (data) => Buffer.from(data).toString('base64')

const insert = (doc, name, at, text) => {
  const clock = Y.getState(doc.store, HONEST_CLIENT)
  doc.get(name, Y.Text).insert(at, text)
  return { client: HONEST_CLIENT, clock, text }
}

/** One text of its own root, one in the middle of what others wrote. */
const honestEdits = (random, base) => {
  const doc = replay(base.map(bytes))
  doc.clientID = HONEST_CLIENT
  const before = Y.encodeStateVector(doc)
  const honest = []
  doc.transact(() => {
    honest.push(insert(doc, 'honest', 0, 'honest 😀 edit'))
    const length = doc.get('text', Y.Text).length
    // Only the ends are sure not to cut a surrogate pair.
    honest.push(insert(doc, 'text', random.chance(0.5) ? 0 : length, 'mine'))
  })
  return { update: base64(Y.encodeStateAsUpdate(doc, before)), honest }
}

export const makeBase = (seed) => {
  const { log, resent } = makeHistory(seed)
  const random = new Random(seed + 0.5)
  const at = random.below(log.length + 1)
  const { update, honest } = honestEdits(random, log.slice(0, at))
  const next = [...log.slice(at, at + 8), ...random.shuffle(resent).slice(0, 4)]
  return { seed, base: log.slice(0, at), next: next.length > 0 ? next : [update], update, honest }
}

const main = ([first, count]) => {
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
    process.stdout.write(JSON.stringify(makeBase(seed)) + '\n')
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2))
