// One random edit, as an editor makes it: what a user does to text, lists, maps and XML, and how often.
// Never cuts a surrogate pair: Yjs replicas themselves disagree after that.

import * as Y from 'yjs'
import { any, attributes, json, subdocument, text } from './values.mjs'

const MAX_DEPTH = 6

const isHigh = (code) => code >= 0xd800 && code <= 0xdbff
/** U+FFFD too: at another replica it may still be the lone half that it stands for. */
const bindsRight = (code) => isHigh(code) || code === 0xfffd

const visible = (type) => type.toDelta().map(({ insert }) => (typeof insert === 'string' ? insert : '\ufffc')).join('')

/** A random index of `content` with no surrogate pair across it. */
const boundary = (random, content) => {
  let at = random.below(content.length + 1)
  while (at < content.length && at > 0 && bindsRight(content.charCodeAt(at - 1))) at++
  return at
}

const range = (random, content) => {
  const ends = [boundary(random, content), boundary(random, content)].sort((a, b) => a - b)
  return { at: ends[0], length: Math.min(ends[1] - ends[0], random.chance(0.9) ? 12 : Infinity), end: ends[1] }
}

/** A short range that ends on a boundary too. */
const shortRange = (random, content) => {
  const { at, length, end } = range(random, content)
  let cut = at + length
  while (cut < end && bindsRight(content.charCodeAt(cut - 1))) cut++
  return [at, cut - at]
}

const editText = (type, { random, profile }) => {
  const content = visible(type)
  const kind = random.weighted({ insert: 8, marked: 2, delete: 3, format: 3, embed: 1.5, nested: 0.4, unmark: 0.5 })
  const at = boundary(random, content)
  if (kind === 'insert') return type.insert(at, text(random, profile))
  if (kind === 'marked') return type.insert(at, text(random, profile), attributes(random, profile))
  if (kind === 'embed') return type.insertEmbed(at, { embed: json(random, profile) }, random.chance(0.3) ? { bold: true } : {})
  if (kind === 'nested') return type.insertEmbed(at, new Y.Map([['k', any(random, profile)]]))
  if (content.length === 0) return undefined
  const [start, length] = shortRange(random, content)
  if (length === 0) return undefined
  if (kind === 'delete') return type.delete(start, length)
  return type.format(start, length, kind === 'unmark' ? { bold: null, italic: null } : attributes(random, profile))
}

const newType = (random, xml) => {
  if (!xml) return new (random.pick([Y.Array, Y.Map, Y.Text, Y.XmlElement, Y.XmlFragment, Y.XmlText]))()
  return random.chance(0.6) ? new Y.XmlElement(random.pick(['p', 'h1', 'заголовок'])) : new Y.XmlText()
}

const listValue = (type, { random, profile }) => {
  if (type instanceof Y.XmlFragment) {
    return profile.hooks && random.chance(0.15) ? new Y.XmlHook('hook') : newType(random, true)
  }
  const kind = random.weighted({ any: 6, type: 2, bytes: 1, document: profile.subdocuments ? 0.7 : 0 })
  if (kind === 'type') return newType(random, false)
  if (kind === 'bytes') return random.bytes(random.below(20))
  if (kind === 'document') return subdocument(random, profile)
  const value = any(random, profile)
  // Yjs takes these in a map, and in a list only below something else.
  return value === undefined || typeof value === 'bigint' ? [value] : value
}

/** Content 2, which old clients wrote: integrated by hand, since Yjs no longer makes it. */
const insertLegacyJson = (type, at, { random, profile }) => {
  const values = Array.from({ length: random.between(1, 3) }, () => (random.chance(0.2) ? undefined : json(random, profile)))
  type.doc.transact((transaction) => {
    let left = null
    let right = type._start
    for (let passed = 0; right !== null && passed < at; right = right.right) {
      if (!right.deleted && right.countable) passed += right.length
      left = right
    }
    const client = type.doc.clientID
    const id = Y.createID(client, Y.getState(type.doc.store, client))
    const item = new Y.Item(id, left, left?.lastId ?? null, right, right?.id ?? null, type, null, new Y.ContentJSON(values))
    item.integrate(transaction, 0)
    // A list remembers indexes it was asked for; this insert went past it.
    type._searchMarker = type._searchMarker === null ? null : []
  }, 'user')
}

const editList = (type, client) => {
  const { random, profile } = client
  const at = random.below(type.length + 1)
  if (type.length > 0 && random.chance(0.3)) {
    const start = random.below(type.length)
    return type.delete(start, random.between(1, Math.min(3, type.length - start)))
  }
  const isArray = type instanceof Y.Array
  if (isArray && profile.legacyJson && random.chance(0.15)) return insertLegacyJson(type, at, client)
  return type.insert(at, Array.from({ length: isArray ? random.between(1, 3) : 1 }, () => listValue(type, client)))
}

const editMap = (type, { random, profile }) => {
  const key = random.pick(['a', 'b', 'c', 'ключ'])
  if (type.has(key) && random.chance(0.25)) return type.delete(key)
  return type.set(key, random.chance(0.6) ? any(random, profile) : listValue(type, { random, profile }))
}

const editElement = (type, client) => {
  const { random, profile } = client
  if (random.chance(0.5)) return editList(type, client)
  const key = random.pick(['class', 'style', 'n'])
  if (random.chance(0.2)) return type.removeAttribute(key)
  return type.setAttribute(key, random.chance(0.7) ? text(random, profile) : any(random, profile))
}

const childrenOf = (type) => {
  const children = []
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted && item.content.type !== undefined) children.push(item.content.type)
  }
  for (const item of type._map.values()) {
    if (!item.deleted && item.content.type !== undefined) children.push(item.content.type)
  }
  return children
}

const findTypes = (roots) => {
  const found = []
  const visit = (type, depth) => {
    found.push(type)
    if (depth < MAX_DEPTH) childrenOf(type).forEach((child) => visit(child, depth + 1))
  }
  roots.forEach((root) => visit(root, 0))
  return found
}

const editType = (type, client) => {
  if (type instanceof Y.Text) return editText(type, client)
  if (type instanceof Y.XmlElement) return editElement(type, client)
  if (type instanceof Y.Array || type instanceof Y.XmlFragment) return editList(type, client)
  return editMap(type, client)
}

/** Change one random type of the client's document. Call it inside a transaction. */
export const randomEdit = (client) => {
  const roots = ['text', 'array', 'map', 'xml'].map((name) => client.doc.share.get(name))
  const { random } = client
  editType(random.chance(0.6) ? random.pick(roots) : random.pick(findTypes(roots)), client)
}

const LETTERS = ['a', 'é', '数', '😀', ' ', 'z']

/** Characters one after the other at a moving cursor, as separate edits: replicas join them into one struct. */
const typeText = (type, { random }, transact) => {
  let at = boundary(random, visible(type))
  for (let count = random.between(2, 8); count > 0; count--) {
    const letter = random.pick(LETTERS)
    transact(() => type.insert(at, letter))
    at += letter.length
  }
}

const appendValues = (type, client, transact) => {
  const legacy = client.profile.legacyJson && client.random.chance(0.4)
  for (let count = client.random.between(2, 6); count > 0; count--) {
    transact(() => (legacy ? insertLegacyJson(type, type.length, client) : type.push([[json(client.random, client.profile)]])))
  }
}

/** A burst of edits that belong together, each in a transaction of its own. */
export const sequence = (client, transact) => {
  const { share } = client.doc
  if (client.random.chance(0.7)) typeText(share.get('text'), client, transact)
  else appendValues(share.get('array'), client, transact)
}
