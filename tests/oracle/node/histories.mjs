// Random histories by 2–4 Yjs clients, as the bytes a server would see.
// Prints one JSON object a line: node histories.mjs <first seed> <count> [portable]

import { pathToFileURL } from 'node:url'
import * as Y from 'yjs'
import { census } from './census.mjs'
import { randomEdit, sequence } from './edits.mjs'
import { digest, normalDoc, openRoots, replay, wellFormed } from './normal.mjs'
import { Random } from './random.mjs'
import { PORTABLE, YJS_ONLY } from './values.mjs'

const base64 = (bytes) => Buffer.from(bytes).toString('base64')

const clientId = (random, profile) => {
  const kind = random.weighted({ usual: 8, small: 2, wide: profile.wideClients ? 1 : 0 })
  if (kind === 'small') return random.between(1, 200)
  return kind === 'wide' ? 2 ** 32 + random.bits() * 2 ** 20 : random.bits()
}

/** One editor: a document, its undo manager, and how many entries of the log it has seen. */
class Client {
  constructor(random, profile, log) {
    this.random = random
    this.profile = profile
    this.log = log
    this.seen = new Set()
    this.undone = []
    this.doc = openRoots(new Y.Doc({ gc: random.chance(0.7) }))
    this.doc.clientID = clientId(random, profile)
    this.undo = new Y.UndoManager(['text', 'array', 'map', 'xml'].map((name) => this.doc.share.get(name)), {
      captureTimeout: 0,
      trackedOrigins: new Set(['user']),
    })
    this.doc.on('update', (update, _origin, _doc, transaction) => {
      if (!transaction.local) return
      this.seen.add(log.length)
      log.push(update)
    })
  }

  edit() {
    const { random, undo } = this
    const kind = random.weighted({ edit: 10, sequence: 2, undo: 2, redo: 1.5 })
    if (kind === 'edit') this.doc.transact(() => this.burst(), 'user')
    else if (kind === 'sequence') sequence(this, (change) => this.doc.transact(change, 'user'))
    else if (undo[kind]() !== null) this.undone.push(kind)
  }

  burst() {
    for (let count = this.random.chance(0.8) ? 1 : this.random.between(2, 6); count > 0; count--) randomEdit(this)
  }

  /** Take over one entry, perhaps ahead of its predecessors: Yjs then holds it as pending. */
  receive(at) {
    this.seen.add(at)
    Y.applyUpdate(this.doc, this.log[at], 'remote')
  }

  receiveAll() {
    for (let at = 0; at < this.log.length; at++) if (!this.seen.has(at)) this.receive(at)
  }

  receiveOne() {
    const missing = this.log.map((_, at) => at).filter((at) => !this.seen.has(at))
    if (missing.length > 0) this.receive(this.random.pick(missing))
  }
}

const uniqueClients = (random, profile, log) => {
  const clients = []
  while (clients.length < random.between(2, 4)) {
    const client = new Client(random, profile, log)
    if (clients.every((other) => other.doc.clientID !== client.doc.clientID)) clients.push(client)
  }
  return clients
}

const run = (random, clients, resent) => {
  for (let step = random.between(8, 40); step > 0; step--) {
    const client = random.pick(clients)
    const kind = random.weighted({ edit: 10, one: 2, all: 3, resend: 1 })
    if (kind === 'edit') client.edit()
    else if (kind === 'one') client.receiveOne()
    else if (kind === 'all') client.receiveAll()
    // What a provider answers to step 1: everything, pending structs and their gaps included.
    else resent.push(Y.encodeStateAsUpdate(client.doc))
  }
}

/** A state vector that a client could have, though none did: each clock is the end of some logged update. */
const someState = (random, log) => {
  const ends = new Map()
  for (const update of log) {
    for (const [client, clock] of Y.parseUpdateMeta(update).to) ends.set(client, [...(ends.get(client) ?? [0]), clock])
  }
  return Y.encodeStateVector(new Map([...ends].map(([client, clocks]) => [client, random.pick(clocks)])))
}

/** Updates that overlap the log: a merge over gaps (Skip), and diffs that cut their first struct. */
const overlapping = (random, log, full) => {
  const some = random.shuffle(log.map((_, at) => at)).slice(0, random.between(2, 5)).sort((a, b) => a - b)
  const diffs = [1, 2, 3].map(() => Y.diffUpdate(full, someState(random, log)))
  return [Y.mergeUpdates(some.map((at) => log[at])), ...diffs]
}

const deletedRanges = (doc) => {
  const ranges = []
  for (const [client, deletes] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    for (const { clock, len } of deletes) ranges.push([client, clock, clock + len])
  }
  return ranges
}

/** Where Yjs itself disagrees nothing could be judged; seen in none of 6,000. */
const assertAgreement = (seed, clients) => {
  const texts = clients.map(({ doc }) => wellFormed(normalDoc(replay([Y.encodeStateAsUpdate(doc)]))))
  if (new Set(texts).size > 1) throw new Error(`the replicas of history ${seed} differ`)
}

/** @returns the history of `seed`: `log` in causal order, `resent` overlapping it, and what must come of them */
export const makeHistory = (seed, profile = YJS_ONLY) => {
  const random = new Random(seed)
  const log = []
  const clients = uniqueClients(random, profile, log)
  const resent = []
  run(random, clients, resent)
  clients.forEach((client) => client.receiveAll())
  clients.forEach((client) => client.receiveAll())
  assertAgreement(seed, clients)
  const full = clients.map(({ doc }) => Y.encodeStateAsUpdate(doc))
  if (log.length > 1) resent.push(...overlapping(random, log, full[0]))
  const doc = replay(log)
  const kinds = new Set(clients.flatMap((client) => client.undone))
  for (const update of [...log, ...resent, ...full]) census(update, kinds)
  return {
    seed,
    log: log.map(base64),
    resent: [...resent, ...full].map(base64),
    state: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
    deleted: deletedRanges(doc),
    text: digest(normalDoc(doc)),
    loose: digest(wellFormed(normalDoc(doc))),
    kinds: [...kinds],
  }
}

const main = ([first, count, profile]) => {
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
    process.stdout.write(JSON.stringify(makeHistory(seed, profile === 'portable' ? PORTABLE : YJS_ONLY)) + '\n')
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2))
