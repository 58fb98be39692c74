// Which kinds of content a set of updates holds, so that a corpus can prove that it left none out.

import * as Y from 'yjs'

const numberKind = (value) => {
  if (Object.is(value, -0)) return 'minus zero'
  if (!Number.isInteger(value)) return Math.fround(value) === value || Number.isNaN(value) ? 'float32' : 'float64'
  if (Math.abs(value) <= 2 ** 31 - 1) return 'integer'
  return 'integer beyond 2^31'
}

const anyKinds = (value, kinds) => {
  if (value === null || value === undefined) kinds.add(`any ${value}`)
  else if (typeof value === 'number') kinds.add(`any ${numberKind(value)}`)
  else if (typeof value !== 'object') kinds.add(`any ${typeof value}`)
  else if (value instanceof Uint8Array) kinds.add('any bytes')
  else {
    kinds.add(Array.isArray(value) ? 'any array' : 'any object')
    for (const inner of Object.values(value)) {
      if (inner !== null && typeof inner === 'object') kinds.add('any nested')
      anyKinds(inner, kinds)
    }
  }
}

/** JSON writes a lone half as an escape and a whole pair as it is. */
const jsonKinds = (place, value, kinds) => {
  if (/\\ud[89a-f]/.test(JSON.stringify(value))) kinds.add(`${place} with lone surrogate`)
}

const CONTENT = {
  ContentString: ({ str }, kinds) => {
    if (str.includes('\ufffd')) kinds.add('string with lone surrogate')
    if (/[\ud800-\udbff][\udc00-\udfff]/.test(str)) kinds.add('string with emoji')
  },
  ContentJSON: ({ arr }, kinds) => {
    for (const value of arr) value === undefined ? kinds.add('JSON undefined') : jsonKinds('JSON', value, kinds)
  },
  ContentEmbed: ({ embed }, kinds) => jsonKinds('embed', embed, kinds),
  ContentFormat: ({ value }, kinds) => jsonKinds('format', value, kinds),
  ContentAny: ({ arr }, kinds) => arr.forEach((value) => anyKinds(value, kinds)),
  ContentType: ({ type }, kinds) => kinds.add(`type ${type.constructor.name}`),
  ContentDoc: ({ opts }, kinds) => Object.keys(opts).forEach((key) => kinds.add(`document ${key}`)),
}

const structKinds = (struct, kinds) => {
  const name = struct.content?.constructor.name ?? struct.constructor.name
  kinds.add(name)
  CONTENT[name]?.(struct.content, kinds)
  if (struct.parentSub) kinds.add('parent sub')
  if (struct.origin) kinds.add('origin')
  if (struct.rightOrigin) kinds.add('right origin')
  if (struct.parent instanceof Y.ID) kinds.add('parent by id')
}

/** Add to `kinds` the name of everything in `update`. */
export const census = (update, kinds) => {
  const { structs, ds } = Y.decodeUpdate(update)
  for (const struct of structs) structKinds(struct, kinds)
  if (ds.clients.size > 0) kinds.add('deletes')
  return kinds
}
