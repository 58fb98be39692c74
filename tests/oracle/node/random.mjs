// Seeded chance: the same seed gives the same history, world and schedule on every machine.
// Knows nothing of Yjs.

const mix = (state) => {
  let value = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
  return (value ^ (value >>> 15)) >>> 0
}

export class Random {
  /** @param {number} seed any integer; two near seeds give unrelated sequences */
  constructor(seed) {
    this.state = mix(seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32) + 0x9e3779b9)
  }

  /** 32 random bits. */
  bits() {
    this.state = (this.state + 0x9e3779b9) >>> 0
    return mix(this.state)
  }

  /** A fraction in [0, 1). */
  fraction() {
    return this.bits() / 2 ** 32
  }

  /** An integer in [0, limit). */
  below(limit) {
    return Math.floor(this.fraction() * limit)
  }

  /** An integer in [low, high]. */
  between(low, high) {
    return low + this.below(high - low + 1)
  }

  chance(probability) {
    return this.fraction() < probability
  }

  pick(items) {
    return items[this.below(items.length)]
  }

  /** Pick a key of `weights` with the probability that its number has among all. */
  weighted(weights) {
    const entries = Object.entries(weights)
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return entries.at(-1)[0]
  }

  shuffle(items) {
    const mixed = [...items]
    for (let at = mixed.length - 1; at > 0; at--) {
      const other = this.below(at + 1)
      ;[mixed[at], mixed[other]] = [mixed[other], mixed[at]]
    }
    return mixed
  }

  bytes(length) {
    return Uint8Array.from({ length }, () => this.below(256))
  }
}
