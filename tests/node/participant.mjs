/**
 * One stock provider with its document, its log of events and its waits.
 *
 * Owns what a test may ask of a participant. Nothing of the provider is replaced: marks go through its public
 * `messageHandlers`, waits listen to its events. Everything is loaded as CommonJS, so that a process has exactly one
 * Yjs, whichever provider version it drives.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { WaitFailed } from './rpc.mjs'

const require = createRequire(import.meta.url)
export const Y = require('yjs')
const { WebSocket } = require('ws')
const encoding = require('lib0/encoding')
const decoding = require('lib0/decoding')

const CHANNEL = 100
const STATUS = 102

export const loadedYjs = () =>
  Object.keys(require.cache).filter((path) => /[\\/]yjs[\\/]dist[\\/]yjs\.[cm]?js$/.test(path))

const toHex = (bytes) => Buffer.from(bytes).toString('hex')

export class Participant {
  constructor ({ version, url, room, options = {}, docOptions = {} }) {
    const { WebsocketProvider } = require(`y-websocket-${version}`)
    this.doc = new Y.Doc(docOptions)
    this.log = []
    this.waiters = new Set()
    this.envelopes = []
    this.statuses = []
    this.checking = false
    this.provider = new WebsocketProvider(url, room, this.doc, {
      disableBc: true, WebSocketPolyfill: WebSocket, ...options
    })
    this.listen()
  }

  listen () {
    const { provider, doc } = this
    provider.on('status', ({ status }) => this.note({ type: 'status', status }))
    provider.on('sync', (synced) => this.note({ type: 'sync', synced, length: this.text.length, empty: doc.store.clients.size === 0 }))
    provider.on('connection-close', (event) => this.note({ type: 'connection-close', code: event?.code ?? null, reason: event?.reason ?? '' }))
    provider.on('connection-error', () => this.note({ type: 'connection-error' }))
    provider.on('closed', ({ code, reason }) => this.note({ type: 'closed', code, reason }))
    provider.awareness.on('change', ({ added, updated, removed }) => this.note({ type: 'awareness', added, updated, removed }))
    doc.on('update', () => this.changed())
    provider.messageHandlers[CHANNEL] = (_encoder, decoder) => this.channelFrame(decoding.readVarUint8Array(decoder))
    provider.messageHandlers[STATUS] = (_encoder, decoder) => {
      this.statuses.push(toHex(decoding.readVarUint8Array(decoder)))
      this.changed()
    }
  }

  get text () { return this.doc.getText('text') }

  note (event) {
    this.log.push({ at: Date.now(), ...event })
    this.changed()
  }

  channelFrame (bytes) {
    this.envelopes.push({ at: Date.now(), ...JSON.parse(Buffer.from(bytes).toString('utf8')) })
    this.changed()
  }

  /** Look at the waits once per turn of the loop, however many updates came in it. */
  changed () {
    if (this.checking || this.waiters.size === 0) return
    this.checking = true
    setImmediate(() => {
      this.checking = false
      for (const waiter of [...this.waiters]) waiter()
    })
  }

  /** Resolve as soon as `condition` gives a value other than undefined; fail after `timeout` seconds. */
  wait (condition, { timeout, what }) {
    return new Promise((resolve, reject) => {
      const finish = (done, value) => {
        clearTimeout(timer)
        this.waiters.delete(look)
        done(value)
      }
      const look = () => {
        const value = condition()
        if (value !== undefined) finish(resolve, value)
      }
      const timer = setTimeout(() => {
        const end = JSON.stringify(this.text.toString().slice(-80))
        finish(reject, new WaitFailed(`${what()} not within ${timeout} s; ${this.state()}; text ends ${end}`))
      }, timeout * 1000)
      this.waiters.add(look)
      look()
    })
  }

  state () {
    const { provider } = this
    return `connected ${provider.wsconnected}, synced ${provider.synced}, text of ${this.text.length}, ` +
      `awareness of ${[...provider.awareness.getStates().keys()]}`
  }

  /** Send a message of its own type, as a page does that talks to room channels. */
  sendRaw (type, bytes) {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, bytes)
    const { ws } = this.provider
    if (ws === null || ws.readyState !== ws.OPEN) return false
    ws.send(encoding.toUint8Array(encoder))
    return true
  }

  sendEnvelope (envelope) { return this.sendRaw(CHANNEL, Buffer.from(JSON.stringify(envelope), 'utf8')) }

  sendStatus (hex) { return this.sendRaw(STATUS, Buffer.from(hex, 'hex')) }

  vector () {
    return Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(this.doc)))
  }

  digest () {
    const text = this.text.toString()
    return { length: this.text.length, sha256: createHash('sha256').update(text, 'utf8').digest('hex') }
  }

  states () { return Object.fromEntries(this.provider.awareness.getStates()) }

  hasPending () { return this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null }

  destroy () {
    this.provider.destroy()
    this.doc.destroy()
  }
}
