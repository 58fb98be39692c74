// The tabs of one simulated world, driven by calls (`tests/node/rpc.mjs`).
// Knows no scenario: what happens when is decided by the caller.

import { WaitFailed, serve } from '../../node/rpc.mjs'
import { Tab } from './tab.mjs'

const tabs = new Map()
const troubles = []

const remember = (error) => troubles.push(String(error?.stack ?? error))
process.on('uncaughtException', remember)
process.on('unhandledRejection', remember)
// y-protocols swallows what Yjs throws at an update, and says so here only.
console.error = (...parts) => remember(parts.map((part) => part?.stack ?? part).join(' '))
console.warn = console.log = console.error

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const views = () => [...tabs.values()].map((tab) => tab.look())

/**
 * All online and equal. A page may wait for an edit that went with the only page that had it; then it is missing in every
 * state vector. What the server alone told, to the page `joiner`, is complete.
 */
const isAtRest = (seen, joiner) => seen.every(({ name, online, pending, text, state }) => {
  const sameState = JSON.stringify(state) === JSON.stringify(seen[0].state)
  return online && sameState && text === seen[0].text && !(pending && name === joiner)
})

const difference = (seen) => {
  const short = seen.map(({ name, online, pending, state, text }) => ({ name, online, pending, state, text: text.slice(0, 1500) }))
  return JSON.stringify(short, null, 1)
}

const allProblems = () => [...troubles, ...[...tabs.values()].flatMap((tab) => tab.problems)]

serve({
  open: async (options) => {
    const tab = new Tab(options)
    await tab.open()
    tabs.set(options.name, tab)
  },
  close: async ({ name }) => {
    const tab = tabs.get(name)
    tabs.delete(name)
    troubles.push(...tab.problems)
    return await tab.close()
  },
  edit: ({ name, count }) => tabs.get(name).edit(count),
  anchor: ({ name }) => tabs.get(name).anchor(),
  saved: ({ name }) => tabs.get(name).whenSaved(),
  disconnect: ({ name }) => tabs.get(name).provider.disconnect(),
  connect: ({ name }) => tabs.get(name).provider.connect(),

  /** Wait until all tabs are online and equal, twice in a row. */
  rest: async ({ timeout, joiner }) => {
    const end = Date.now() + timeout * 1000
    for (let equal = 0; equal < 2; ) {
      if (Date.now() > end) throw new WaitFailed(`not equal at rest: ${difference(views())}`)
      await pause(30)
      equal = isAtRest(views(), joiner) ? equal + 1 : 0
    }
  },
  problems: () => allProblems(),

  /** End the world: forget all tabs and troubles. */
  clear: async () => {
    await Promise.all([...tabs.values()].map((tab) => tab.close()))
    tabs.clear()
    troubles.length = 0
  },
})
