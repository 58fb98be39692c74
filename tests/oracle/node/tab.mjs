// One browser tab: a document with a stock y-websocket provider, perhaps IndexedDB, BroadcastChannel and observers that edit.
// Tabs of one browser share a BroadcastChannel and a database; each has its own connection.

import 'fake-indexeddb/auto'
import * as idb from 'lib0/indexeddb'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

// lib0 keeps one channel per name in a process, and calls its other users in it directly. Here every tab asks for a name
// of its own, "browser#tab", and meets the others on the native channel "browser", as tabs do.
const NativeChannel = globalThis.BroadcastChannel
globalThis.BroadcastChannel = class extends NativeChannel {
  constructor(name) {
    super(name.split('#')[0])
    this.unref?.()
  }
}
const { WebsocketProvider } = await import('y-websocket')
const { IndexeddbPersistence } = await import('y-indexeddb')
const { randomEdit } = await import('./edits.mjs')
const { normalDoc, openRoots } = await import('./normal.mjs')
const { Random } = await import('./random.mjs')
const { YJS_ONLY } = await import('./values.mjs')

/** Lone surrogates change when a client holds them as pending; all the rest travels. */
const PROFILE = { ...YJS_ONLY, lone: false }
const SYNC_STATUS = 102
const MAX_BACKOFF_MS = 150

/** What observers write in answer to what others wrote. Each answer ends: it makes its own condition false. */
const answerOthers = (doc) => {
  const text = doc.get('text', Y.Text)
  const marks = doc.get('marks', Y.Map)
  text.observe((event, { local }) => {
    if (local) return
    doc.transact(() => {
      if (!text.toString().endsWith('.')) text.insert(text.length, '.')
      marks.set(`length seen by ${doc.clientID}`, text.length)
    }, 'observer')
  })
}

export class Tab {
  /** @param options {browser, name, url, room, seed, clientId, database, broadcast, observer, gc, anchored} */
  constructor(options) {
    Object.assign(this, options)
    this.random = new Random(options.seed)
    this.profile = PROFILE
    this.problems = []
    this.doc = openRoots(new Y.Doc({ gc: options.gc }))
    this.doc.clientID = this.random.bits()
    const scope = ['text', 'array', 'map', 'xml'].map((name) => this.doc.share.get(name))
    this.undo = new Y.UndoManager(scope, { captureTimeout: 0, trackedOrigins: new Set(['user']) })
    if (options.observer) answerOthers(this.doc)
    if (options.database) this.persistence = new IndexeddbPersistence(`${options.browser} ${options.room}`, this.doc)
  }

  /** Connect at once, or, to come back with the client id from before, when all of its history is here: not earlier, as
   * Yjs takes another id when it meets its own from elsewhere. */
  async open() {
    if (this.clientId !== undefined) {
      await this.persistence.whenSynced
      this.doc.clientID = this.clientId
    }
    this.provider = this.connect()
    return this.doc.clientID
  }

  connect() {
    const provider = new WebsocketProvider(this.url, this.room, this.doc, {
      WebSocketPolyfill: WebSocket,
      maxBackoffTime: MAX_BACKOFF_MS,
      disableBc: !this.broadcast,
      connect: false,
    })
    provider.bcChannel = `${this.browser} ${this.room}#${this.name}`
    provider.awareness.setLocalStateField('user', { name: this.name })
    provider.on('sync', (synced) => synced && this.checkSynced())
    provider.on('closed', ({ code, reason }) => this.problems.push(`closed for good: ${code} ${reason}`))
    provider.messageHandlers[SYNC_STATUS] = () => this.saved?.()
    provider.connect()
    return provider
  }

  /** A page seeds its default text when `synced` finds an empty document: that must be true. */
  checkSynced() {
    if (this.anchored && !this.doc.get('marks', Y.Map).has('anchor')) this.problems.push('synced with an empty document')
  }

  edit(count) {
    for (let done = 0; done < count; done++) {
      const kind = this.random.weighted({ edit: 10, undo: 1.5, redo: 1 })
      if (kind === 'edit') this.doc.transact(() => randomEdit(this), 'user')
      else this.undo[kind]()
    }
  }

  /** Write the anchor that every later page must find, and wait until the server says that it is durable. */
  async anchor() {
    this.doc.get('marks', Y.Map).set('anchor', this.name)
    await this.whenSaved()
  }

  async whenSaved() {
    await this.until(() => this.provider.synced)
    await new Promise((resolve) => {
      this.saved = resolve
      this.provider.ws.send(Uint8Array.of(SYNC_STATUS, 1, 1))
    })
  }

  async until(condition) {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** Wait until everything written so far is in the database: transactions on one store follow each other. */
  async stored() {
    await this.persistence.whenSynced
    const [store] = idb.transact(this.persistence.db, ['updates'])
    await idb.count(store)
  }

  /** Close the page. Its client id, so that it can come back with it. */
  async close() {
    if (this.persistence) await this.stored()
    const { clientID } = this.doc
    this.undo.destroy()
    this.provider.destroy()
    await this.persistence?.destroy()
    this.doc.destroy()
    return clientID
  }

  look() {
    const { store } = this.doc
    return {
      name: this.name,
      state: Object.fromEntries([...Y.decodeStateVector(Y.encodeStateVector(this.doc))].sort(([a], [b]) => a - b)),
      text: normalDoc(this.doc),
      pending: store.pendingStructs !== null || store.pendingDs !== null,
      online: this.provider.wsconnected && this.provider.synced,
      problems: this.problems,
    }
  }
}
