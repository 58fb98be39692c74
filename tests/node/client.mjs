/**
 * Stock y-websocket clients behind JSON-lines calls: what the tests drive. One process holds one client named `main`,
 * or several under names of their own where their isolation from each other is not what is tested.
 */
import { Buffer } from 'node:buffer'
import { Participant, Y, loadedYjs } from './participant.mjs'
import { serve } from './rpc.mjs'
import { makeTrace, replayTrace, typeTrace } from './trace.mjs'
import { startTyping, stopTyping } from './typist.mjs'

const participants = new Map()

const of = (name = 'main') => {
  const participant = participants.get(name)
  if (participant === undefined) throw new Error(`no client named ${name}`)
  return participant
}

const WAIT = 10

const conditions = {
  text: ({ text }, { equals }) => text.toString() === equals || undefined,
  contains: ({ text }, { parts }) => {
    const now = text.toString()
    return parts.every((part) => now.includes(part)) || undefined
  },
  synced: ({ provider }, { value = true }) => provider.synced === value || undefined,
  connected: ({ provider }, { value = true }) => provider.wsconnected === value || undefined,
  /** Some other client shows `field` = `equals`: its id. */
  awareness: ({ provider, doc }, { field, equals }) => {
    for (const [id, state] of provider.awareness.getStates()) {
      if (id !== doc.clientID && JSON.stringify(state[field]) === JSON.stringify(equals)) return id
    }
    return undefined
  },
  awarenessGone: ({ provider }, { clientId }) => !provider.awareness.getStates().has(clientId) || undefined,
  map: ({ doc }, { key, equals }) =>
    JSON.stringify(doc.getMap('map').get(key)) === JSON.stringify(equals) || undefined,
  vector: ({ doc }, { covers }) =>
    Object.entries(covers).every(([id, clock]) => Y.getState(doc.store, Number(id)) >= clock) || undefined,
  digest: (participant, { length, sha256 }) => {
    if (participant.text.length !== length) return undefined
    return participant.digest().sha256 === sha256 || undefined
  },
  envelope: ({ envelopes }, { match, from = 0 }) =>
    envelopes.slice(from).find((envelope) =>
      Object.entries(match).every(([key, value]) => JSON.stringify(envelope[key]) === JSON.stringify(value))),
  status: ({ statuses }, { hex }) => statuses.includes(hex) || undefined,
  event: ({ log }, { match, from = 0 }) =>
    log.slice(from).find((event) => Object.entries(match).every(([key, value]) => event[key] === value))
}

const edits = {
  insert: ({ client, at, value, attributes }) => {
    const { text } = of(client)
    text.insert(at ?? text.length, value, attributes)
  },
  delete: ({ client, at, count }) => of(client).text.delete(at, count),
  format: ({ client, at, count, attributes }) => of(client).text.format(at, count, attributes),
  setMap: ({ client, key, value }) => { of(client).doc.getMap('map').set(key, value) },
  /** Several edits as one transaction, so as one update. */
  together: ({ client, steps }) => of(client).doc.transact(() => {
    for (const { op, ...step } of steps) edits[op]({ client, ...step })
  }),
  apply: ({ client, hex }) => Y.applyUpdate(of(client).doc, Buffer.from(hex, 'hex'), 'test')
}

const operations = {
  ...edits,
  open: ({ client = 'main', ...params }) => {
    if (participants.has(client)) throw new Error(`client ${client} is open`)
    const participant = new Participant(params)
    participants.set(client, participant)
    return { clientId: participant.doc.clientID, yjs: loadedYjs().length, url: participant.provider.url }
  },
  close: ({ client = 'main' }) => {
    of(client).destroy()
    participants.delete(client)
  },
  connect: ({ client }) => of(client).provider.connect(),
  disconnect: ({ client }) => of(client).provider.disconnect(),
  wait: ({ client, name, timeout = WAIT, ...params }) => {
    const participant = of(client)
    const what = () => `${name} ${JSON.stringify(params).slice(0, 200)}`
    return participant.wait(() => conditions[name](participant, params), { timeout, what })
  },
  text: ({ client }) => of(client).text.toString(),
  delta: ({ client }) => of(client).text.toDelta(),
  map: ({ client }) => of(client).doc.getMap('map').toJSON(),
  digest: ({ client }) => of(client).digest(),
  vector: ({ client }) => of(client).vector(),
  pending: ({ client }) => of(client).hasPending(),
  encode: ({ client }) => Buffer.from(Y.encodeStateAsUpdate(of(client).doc)).toString('hex'),
  log: ({ client }) => of(client).log,
  awareness: ({ client }) => of(client).states(),
  setAwareness: ({ client, field, value }) => of(client).provider.awareness.setLocalStateField(field, value),
  setAwarenessState: ({ client, state }) => of(client).provider.awareness.setLocalState(state),
  send: ({ client, envelope }) => of(client).sendEnvelope(envelope),
  sendStatus: ({ client, hex }) => of(client).sendStatus(hex),
  envelopes: ({ client }) => of(client).envelopes,
  makeTrace,
  replayTrace: ({ client, ...params }) => replayTrace(of(client), params),
  typeTrace: ({ client, ...params }) => typeTrace(of(client), params),
  startTyping: ({ client, ...params }) => startTyping(of(client), params),
  stopTyping: ({ client }) => stopTyping(of(client)),
  memory: () => process.memoryUsage().rss
}

serve(operations)
