// Random values for every place where a Yjs document holds one: text, JSON, `any`, attributes, subdocuments.
// A `profile` says which of them only Yjs can carry (Yrs refuses or changes them).

import * as Y from 'yjs'

const WORDS = ['a', 'bc', 'note ', 'Grüße', 'שלום', '数学', '\n', ' ', 'x'.repeat(30), '\u0000', '\ufeff', '"\\']
const EMOJI = ['😀', '👩‍🏫', '🇩🇪', '𝒳']
// A lone half stands between letters, so that no edit makes a pair of two halves; Yjs replicas would disagree on that.
const LONE = ['a\ud800b', 'a\udc00b']
const NUMBERS = [
  0, -0, 1, -1, 63, 64, -64, 127, 128, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53) + 1,
  0.5, -1.25, 0.1, Math.PI, 1e300, 5e-324, NaN, Infinity, -Infinity, 2 ** 70,
]
const BIGINTS = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]

/** What only Yjs carries unchanged. */
export const YJS_ONLY = { lone: true, bigints: true, legacyJson: true, hooks: true, subdocuments: true, wideClients: true }
/** What Yrs reads as well. */
export const PORTABLE = { lone: false, bigints: false, legacyJson: false, hooks: false, subdocuments: false, wideClients: false }

export const text = (random, profile) => {
  const parts = []
  for (let count = random.between(1, 4); count > 0; count--) {
    const kind = random.weighted({ word: 8, emoji: 2, lone: profile.lone ? 0.5 : 0 })
    parts.push(random.pick({ word: WORDS, emoji: EMOJI, lone: LONE }[kind]))
  }
  return parts.join('')
}

const scalar = (random, profile) => {
  const kind = random.weighted({ text: 4, number: 4, flag: 1, nil: 1 })
  if (kind === 'text') return text(random, profile)
  if (kind === 'number') return random.pick(profile.bigints ? NUMBERS : [0, 1, -5, 0.5, 0.1, 1e300, 2 ** 31 - 1])
  return kind === 'flag' ? random.chance(0.5) : null
}

const container = (random, depth, child) => {
  const count = random.below(4)
  if (random.chance(0.5)) return Array.from({ length: count }, () => child(depth + 1))
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [random.pick(['k', 'ключ', '', '__proto__', 'z']) + at, child(depth + 1)]))
}

/** What `JSON.parse(JSON.stringify())` keeps, for embeds, formats and legacy JSON. */
export const json = (random, profile, depth = 0) => {
  if (depth < 4 && random.chance(0.35)) return container(random, depth, (d) => json(random, profile, d))
  const value = scalar(random, profile)
  if (typeof value !== 'number') return value
  return Number.isFinite(value) ? value + 0 : 7
}

/** What content 8 holds. */
export const any = (random, profile, depth = 0) => {
  const kind = random.weighted({ scalar: 6, container: depth < 5 ? 3 : 0, bytes: 1, bigint: profile.bigints ? 1 : 0, undefined: 1 })
  if (kind === 'container') return container(random, depth, (d) => any(random, profile, d))
  if (kind === 'bytes') return random.bytes(random.below(12))
  if (kind === 'bigint') return random.pick(BIGINTS)
  return kind === 'undefined' ? undefined : scalar(random, profile)
}

export const attributes = (random, profile) => {
  const key = random.pick(['bold', 'italic', 'link', 'ключ'])
  if (random.chance(0.3)) return { [key]: null }
  return { [key]: key === 'link' ? json(random, profile) : true }
}

/** A subdocument with options, as an application that lazily loads its pages makes it. */
export const subdocument = (random, profile) => {
  const options = { guid: `page-${random.below(1000)}` }
  if (random.chance(0.5)) options.meta = any(random, profile)
  if (random.chance(0.3)) options.autoLoad = true
  if (random.chance(0.3)) options.gc = false
  return new Y.Doc(options)
}
