/**
 * A typist that sets a mark after each edit and remembers which were reported saved. Owns the pace and the book
 * of marks; the tests decide what they mean.
 */
const typists = new WeakMap()

/** Type `{prefix}{n};` every `every` milliseconds, each followed by the mark n while connected. */
export const startTyping = (participant, { prefix, every = 10, first = 0 }) => {
  let next = first
  const greet = (synced) => { if (synced) participant.sendEnvelope({ op: 'hello', v: 1, channels: {} }) }
  greet(participant.provider.synced)
  participant.provider.on('sync', greet)
  const timer = setInterval(() => {
    if (!participant.provider.synced) return
    const mark = next++
    participant.text.insert(participant.text.length, `${prefix}${mark};`)
    participant.sendEnvelope({ op: 'mark', id: mark })
  }, every)
  typists.set(participant, { timer, greet, count: () => next })
}

/** Stop, and answer with the number of the next edit and the marks that were reported saved. */
export const stopTyping = (participant) => {
  const { timer, greet, count } = typists.get(participant)
  clearInterval(timer)
  participant.provider.off('sync', greet)
  typists.delete(participant)
  const saved = participant.envelopes.filter(({ op }) => op === 'saved').map(({ mark }) => mark)
  return { next: count(), saved }
}
