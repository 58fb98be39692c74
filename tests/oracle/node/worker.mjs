// A process that answers batches of questions: one JSON array of requests a line in, one of answers out.
// An error, also one thrown later from a timer or promise, is the answer to the request that caused it.

import { createInterface } from 'node:readline'
import { codec, load, mutant } from './judge.mjs'

/** For the tests of the judge itself: an error after the answer, the end of the process. */
const later = () => {
  setImmediate(() => {
    throw new Error('too late')
  })
  return {}
}
const end = () => process.exit(1)

const QUESTIONS = { codec, load, mutant, later, end }

let late = null
const remember = (error) => {
  late = error
}
process.on('uncaughtException', remember)
process.on('unhandledRejection', remember)

const text = (error) => String(error?.stack ?? error).split('\n').slice(0, 6).join('\n')

const answer = async (request) => {
  late = null
  let found
  try {
    found = QUESTIONS[request.ask](request)
  } catch (error) {
    return { problem: text(error) }
  }
  await new Promise((resolve) => setImmediate(resolve))
  return late === null ? found : { problem: `later: ${text(late)}` }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answers = []
  for (const request of JSON.parse(line)) answers.push(await answer(request))
  process.stdout.write(JSON.stringify(answers) + '\n')
}
