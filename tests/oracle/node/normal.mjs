// One form for two equal documents: what a reader sees, independent of how the structs are split.
// Never throws on strange content: a mutated update may put anything below any type.

import { createHash } from 'node:crypto'
import * as Y from 'yjs'

/** The roots of every generated document and their types. */
export const ROOTS = { text: Y.Text, array: Y.Array, map: Y.Map, xml: Y.XmlFragment, honest: Y.Text, marks: Y.Map }

export const openRoots = (doc) => {
  for (const [name, type] of Object.entries(ROOTS)) doc.get(name, type)
  return doc
}

const number = (value) => (Object.is(value, -0) ? '-0' : String(value))

/** A value as JSON that keeps what JSON loses: undefined, bigint, −0, NaN, bytes, types. */
export const normalValue = (value) => {
  if (value === undefined) return { undefined: true }
  if (typeof value === 'number') return { number: number(value) }
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (value === null || typeof value !== 'object') return value
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof Y.AbstractType) return normalType(value)
  if (value instanceof Y.Doc) return { document: value.guid, gc: value.gc, meta: normalValue(value.meta), autoLoad: value.autoLoad }
  if (Array.isArray(value)) return value.map(normalValue)
  return { object: Object.keys(value).sort().map((key) => [key, normalValue(value[key])]) }
}

const normalAttributes = (attributes) => {
  const kept = Object.entries(attributes ?? {}).filter(([, value]) => value !== null)
  return kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, normalValue(value)])
}

/** Delta with equal neighbours joined: formats that change nothing split runs differently. */
const normalDelta = (type) => {
  const runs = []
  for (const { insert, attributes } of type.toDelta()) {
    const marks = JSON.stringify(normalAttributes(attributes))
    const last = runs.at(-1)
    if (typeof insert === 'string' && typeof last?.insert === 'string' && last.marks === marks) last.insert += insert
    else runs.push({ insert: typeof insert === 'string' ? insert : normalValue(insert), marks })
  }
  return runs
}

const normalMap = (type) => {
  const live = [...type._map].filter(([, item]) => !item.deleted).sort(([a], [b]) => (a < b ? -1 : 1))
  return live.map(([key, item]) => [key, normalValue(item.content.getContent().at(-1))])
}

const normalList = (type) => {
  const values = []
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted && item.countable) values.push(...item.content.getContent().map(normalValue))
  }
  return values
}

const normalType = (type) => {
  const isText = type instanceof Y.Text
  return {
    type: type.constructor.name,
    name: type.nodeName ?? type.hookName,
    map: normalMap(type),
    children: isText ? normalDelta(type) : normalList(type),
  }
}

/**
 * Apply as a remote update, without the deletions that Yjs makes up afterwards (redundant format marks).
 * Live clients broadcast those; a replica that only listens would differ from them by its own.
 */
export const applyQuietly = (doc, update) => {
  doc.transact((transaction) => {
    Y.applyUpdate(doc, update)
    transaction.local = true
  })
}

/** A fresh document that took over `updates` one after the other. */
export const replay = (updates, options = {}) => {
  const doc = openRoots(new Y.Doc(options))
  for (const update of updates) applyQuietly(doc, update)
  return doc
}

/** @returns {string} canonical text of everything visible in `doc` */
export const normalDoc = (doc) => JSON.stringify(Object.keys(ROOTS).map((name) => [name, normalType(doc.get(name, ROOTS[name]))]))

/** The same without what JSON in Yjs' encoding v2 loses: a client puts pending updates through it. */
export const wellFormed = (text) => text.replace(/\\+ud[89a-f]../g, '\ufffd')

export const digest = (text) => createHash('sha1').update(text).digest('hex')
