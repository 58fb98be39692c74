/**
 * The recorded typing histories (tests/data): made into updates, then sent by live clients.
 *
 * An editor edits only what it has: an update is sent only once the state that it was made on has arrived.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Y } from './participant.mjs'

const FIRST_CLIENT = 1000

const readTrace = (path) => JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'))

/** Offsets of the histories count Unicode characters, those of Yjs UTF-16 units. */
const requireBasicPlane = (text) => {
  if (/[\uD800-\uDFFF]/.test(text)) throw new Error('the trace leaves the basic plane: its offsets would be off')
}

const patch = (text, patches) => {
  for (const [position, deleted, inserted] of patches) {
    if (deleted > 0) text.delete(position, deleted)
    if (inserted !== '') text.insert(position, inserted)
  }
}

/** For every transaction how many of each agent's transactions it was made after. */
const countsBefore = (txns, agents) => {
  const after = []
  return txns.map((txn) => {
    const before = new Array(agents).fill(0)
    for (const parent of txn.parents) {
      for (let agent = 0; agent < agents; agent++) before[agent] = Math.max(before[agent], after[parent][agent])
    }
    const own = [...before]
    own[txn.agent]++
    after.push(own)
    return before
  })
}

/** One offline document per agent, brought to exactly the parents of each transaction before it is made. */
const makeUpdates = ({ txns, numAgents }) => {
  const docs = Array.from({ length: numAgents }, (_, agent) => {
    const doc = new Y.Doc()
    doc.clientID = FIRST_CLIENT + agent
    return doc
  })
  const made = docs.map(() => [])
  const seen = docs.map(() => new Array(numAgents).fill(0))
  docs.forEach((doc, agent) => doc.on('update', (update, origin) => { if (origin === 'made') made[agent].push({ update }) }))
  countsBefore(txns, numAgents).forEach((before, index) => {
    const { agent, patches } = txns[index]
    const doc = docs[agent]
    if (before[agent] !== made[agent].length) throw new Error(`transaction ${index} skips some of its own agent`)
    for (let other = 0; other < numAgents; other++) {
      if (other === agent) continue
      if (seen[agent][other] > before[other]) throw new Error(`transaction ${index} has seen too much`)
      for (; seen[agent][other] < before[other]; seen[agent][other]++) {
        Y.applyUpdate(doc, made[other][seen[agent][other]].update)
      }
    }
    const needs = Object.fromEntries(docs.map((_, other) => [FIRST_CLIENT + other, Y.getState(doc.store, FIRST_CLIENT + other)]))
    doc.transact(() => patch(doc.getText('text'), patches), 'made')
    made[agent].at(-1).needs = needs
  })
  return made
}

/** Write the updates of every agent of the trace at `path` to `to`; answer with what they should end as. */
export const makeTrace = ({ path, to }) => {
  const trace = readTrace(path)
  trace.txns.forEach(({ patches }) => patches.forEach(([, , inserted]) => requireBasicPlane(inserted)))
  const made = makeUpdates(trace)
  const plain = made.map((updates) => updates.map(({ update, needs }) => ({ update: Buffer.from(update).toString('base64'), needs })))
  writeFileSync(to, JSON.stringify(plain))
  return { updates: made.map((updates) => updates.length), endContent: trace.endContent }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Wait until the socket has taken most of what was written: the sender must not outrun the test's own memory. */
const drained = async ({ provider }) => {
  while (provider.ws !== null && provider.ws.bufferedAmount > 1 << 20) await turn()
}

const hasAll = (doc, needs) => Object.entries(needs).every(([client, clock]) => Y.getState(doc.store, Number(client)) >= clock)

/** Send one agent's updates, at most `batch` as one message, each after what it needs; answers with the message count. */
export const replayTrace = async (participant, { path, agent, batch = 1, timeout = 100 }) => {
  const updates = JSON.parse(readFileSync(path, 'utf8'))[agent]
  const { doc } = participant
  let messages = 0
  for (let next = 0; next < updates.length; messages++) {
    const { needs } = updates[next]
    await participant.wait(() => hasAll(doc, needs) || undefined, { timeout, what: () => `what update ${next} of agent ${agent} needs` })
    doc.transact(() => {
      for (let count = 0; count < batch && next < updates.length && hasAll(doc, updates[next].needs); count++, next++) {
        Y.applyUpdate(doc, Buffer.from(updates[next].update, 'base64'), 'replay')
      }
    }, 'replay')
    await turn()
    await drained(participant)
  }
  return messages
}

/** Type a one-person trace into the live document, `batch` transactions as one update. */
export const typeTrace = async (participant, { path, batch = 1 }) => {
  const trace = readTrace(path)
  const { doc, text } = participant
  for (let next = 0; next < trace.txns.length; next += batch) {
    doc.transact(() => {
      for (const { patches } of trace.txns.slice(next, next + batch)) patch(text, patches)
    })
    await turn()
    await drained(participant)
  }
  return { endContent: trace.endContent, updates: Math.ceil(trace.txns.length / batch) }
}
