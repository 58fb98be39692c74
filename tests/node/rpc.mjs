/**
 * JSON-lines calls over stdin and stdout. Owns the framing of calls and answers; knows no Yjs.
 *
 * A call is `{"id": 1, "op": "insert", …}`; its answer `{"id": 1, "ok": …}` or
 * `{"id": 1, "error": "…", "kind": "wait"|"error"}`. Calls run concurrently; the end of stdin ends the process.
 */
import { createInterface } from 'node:readline'

/** A bounded wait ran out. The caller on the other side gets it as an error of its own kind. */
export class WaitFailed extends Error {}

const answer = (message) => process.stdout.write(JSON.stringify(message) + '\n')

const carryOut = async (operations, { id, op, ...params }) => {
  try {
    if (!Object.hasOwn(operations, op)) throw new Error(`no operation named ${op}`)
    answer({ id, ok: (await operations[op](params)) ?? null })
  } catch (error) {
    const kind = error instanceof WaitFailed ? 'wait' : 'error'
    answer({ id, error: kind === 'wait' ? error.message : String(error.stack ?? error), kind })
  }
}

export const serve = (operations, { onEnd = () => process.exit(0) } = {}) => {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => { void carryOut(operations, JSON.parse(line)) })
  lines.on('close', onEnd)
  answer({ event: 'ready', pid: process.pid })
}
