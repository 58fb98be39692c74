// What Yjs says of bytes that the server made: loads them, looks for harm, answers with digests.
// Pure functions of their request; the process around them is `worker.mjs`.

import * as Y from 'yjs'
import { digest, normalDoc, openRoots, replay, wellFormed } from './normal.mjs'

const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'))

const stateOf = (doc) => Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc)))

const rangesOf = (doc) => {
  const clients = [...Y.createDeleteSetFromStructStore(doc.store).clients]
  return clients.flatMap(([client, deletes]) => deletes.map(({ clock, len }) => [client, clock, clock + len]))
}

const pendingOf = ({ store }) => store.pendingStructs !== null || store.pendingDs !== null

/** Load `updates` one after the other into one document. */
export const load = ({ updates, raw }) => {
  const doc = replay(updates.map(bytes))
  const text = normalDoc(doc)
  const seen = { text: digest(text), loose: digest(wellFormed(text)), state: stateOf(doc), deleted: rangesOf(doc), pending: pendingOf(doc) }
  return raw ? { ...seen, raw: text } : seen
}

/**
 * Every function of Yjs that reads updates without a document must take `update` and keep its meaning
 * for a replica that has `prefix`. Encoding v2 may lose lone surrogates in JSON.
 */
export const codec = ({ prefix, update }) => {
  const data = bytes(update)
  const before = prefix.map(bytes)
  const textWith = (form) => normalDoc(replay([...before, form]))
  const wanted = textWith(data)
  Y.decodeUpdate(data)
  const forms = {
    merge: Y.mergeUpdates([data]),
    twice: Y.mergeUpdates([data, data]),
    joined: Y.mergeUpdates([...before, data]),
    diff: Y.diffUpdate(data, Uint8Array.of(0)),
  }
  const wrong = Object.keys(forms).filter((name) => textWith(forms[name]) !== wanted)
  const second = Y.convertUpdateFormatV2ToV1(Y.convertUpdateFormatV1ToV2(data))
  if (wellFormed(textWith(second)) !== wellFormed(wanted)) wrong.push('v2')
  return wrong.length > 0 ? { problem: `changed by ${wrong}` } : {}
}

/** What applications do in observers: look at every computed view of the change. */
const observe = (doc, seen) => {
  const look = (events) => {
    for (const event of events) {
      seen.push(event.path.length, event.changes.keys.size, event.changes.delta.length)
      if (event instanceof Y.YTextEvent) seen.push(event.delta.length)
    }
  }
  for (const type of doc.share.values()) type.observeDeep(look)
  doc.on('subdocs', ({ added }) => added.forEach((sub) => seen.push(sub.guid.length)))
}

const itemsOf = (doc, client, clock, end) => {
  const structs = doc.store.clients.get(client) ?? []
  return structs.filter((struct) => struct.id.clock < end && struct.id.clock + struct.length > clock)
}

/** The honest strings that are missing, though nobody deleted them. */
const lostEdits = (doc, honest) =>
  honest.filter(({ client, clock, text }) => {
    const items = itemsOf(doc, client, clock, clock + text.length)
    return items.map((item) => item.content?.str ?? '?').join('') !== text
  })

const baseDocument = (base) => {
  const doc = openRoots(new Y.Doc())
  if (base !== '') Y.applyUpdate(doc, bytes(base))
  return doc
}

const replayAll = (parts, options) => replay(parts.filter((part) => part !== '').map(bytes), options)

/** Two replicas that agree, or that differ only by the format marks which each cleans up for itself. */
const sameDocument = (doc, fresh, { base, deltas, joiner }) =>
  normalDoc(doc) === normalDoc(fresh) ||
  normalDoc(replayAll([base, ...deltas])) === normalDoc(replayAll([joiner]))

const parentOf = ({ parent, parentSub }) => {
  const place = parent._item === null ? Y.findRootTypeKey(parent) : `${parent._item.id.client}:${parent._item.id.clock}`
  return `${place} ${parentSub}`
}

const unit = (struct, what) => {
  // Which of two values a key keeps follows from their order.
  if (struct.parentSub) return parentOf(struct)
  return `${struct.deleted} ${struct.parent ? parentOf(struct) : ''} ${digest(String(what))}`
}

/** Every clock of a document: what stands there, below which parent, but not in which order. */
const unitsOf = (doc) => {
  const units = []
  for (const [client, structs] of doc.store.clients) {
    for (const struct of structs) {
      const values = struct instanceof Y.GC || struct.deleted ? [] : struct.content.getContent()
      for (let at = 0; at < struct.length; at++) {
        units.push(`${client}:${struct.id.clock + at} ${unit(struct, values[at])}`)
      }
    }
  }
  return JSON.stringify(units.sort())
}

/**
 * Two replicas that hold the same structs, perhaps in another order. Where a struct names neighbours that no honest client
 * could have seen side by side, Yjs places it by what came before it, and drops it (and what hangs on it) beside what is
 * already collected; only who integrates the document could tell. So both are looked at without collecting.
 */
const sameUnits = ({ base, deltas, joiner }) =>
  unitsOf(replayAll([base, ...deltas], { gc: false })) === unitsOf(replayAll([joiner], { gc: false }))

/** What the client would keep in IndexedDB or tell another: it must be readable and complete. */
const retold = (doc) => {
  const other = openRoots(new Y.Doc())
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
  return other
}

/**
 * Give a client that holds `base` the deltas of a mutant, of honest edits with it and after it; and a joiner everything.
 * @returns the problem in words, or none and both state vectors
 */
export const mutant = (request) => {
  const doc = baseDocument(request.base)
  const seen = []
  observe(doc, seen)
  for (const delta of request.deltas) Y.applyUpdate(doc, bytes(delta))
  if (pendingOf(doc)) return { problem: 'the client holds a part for ever' }
  const lost = lostEdits(doc, request.honest)
  if (lost.length > 0) return { problem: `an honest edit is lost: ${JSON.stringify(lost)}` }
  const fresh = baseDocument(request.joiner)
  if (pendingOf(fresh)) return { problem: 'the joiner holds a part for ever' }
  const same = sameDocument(doc, fresh, request)
  if (!same && !sameUnits(request)) return { problem: 'the joiner sees another document' }
  if (pendingOf(retold(doc))) return { problem: 'what the client stores is held for ever' }
  return { state: stateOf(doc), joined: stateOf(fresh), unsettled: !same }
}
