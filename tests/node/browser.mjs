/**
 * Real Chromium behind JSON-lines calls: separate browser contexts, so nothing is shared but the server.
 *
 * Owns the browser and its pages; knows the page only by its `data-testid`s. The browser is the first argument:
 * playwright-core brings none.
 */
import { chromium, errors } from 'playwright-core'
import { WaitFailed, serve } from './rpc.mjs'

const [executablePath] = process.argv.slice(2)
const WAIT = 20
const seen = new Map()

// A container has no user namespaces for the sandbox, and the pages are our own.
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })

const of = (name) => {
  const entry = seen.get(name)
  if (entry === undefined) throw new Error(`no page named ${name}`)
  return entry
}

const byTestId = (name, testId) => of(name).page.getByTestId(testId)

/** Run inside the page: the text of an element as it was written, without what shows the others' carets in it. */
const installReader = () => {
  window.__textOf = (id) => {
    const shown = document.querySelector(`[data-testid="${id}"]`)
    if (shown === null) return ''
    const copy = shown.cloneNode(true)
    for (const widget of copy.querySelectorAll('.ProseMirror-widget')) widget.remove()
    return [...copy.children].map((block) => block.textContent).join('\n')
  }
}

/** Run inside the page: remember each state that an element with a `data-state` goes through, with its time. */
const recordStates = (testId) => {
  const log = (window.__states ??= {})
  const entries = (log[testId] = [])
  const look = () => {
    const state = document.querySelector(`[data-testid="${testId}"]`)?.dataset.state
    if (state !== undefined && entries.at(-1)?.state !== state) entries.push({ state, at: Date.now() })
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] })
  look()
}

const bounded = async (what, work) => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof errors.TimeoutError) throw new WaitFailed(`${what}: ${error.message.split('\n')[0]}`)
    throw error
  }
}

const operations = {
  open: async ({ page: name, url }) => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.addInitScript(installReader)
    const entry = { context, page, problems: [], requests: [] }
    seen.set(name, entry)
    page.on('pageerror', (error) => entry.problems.push(String(error)))
    page.on('console', (message) => { if (message.type() === 'error') entry.problems.push(message.text()) })
    page.on('request', (request) => entry.requests.push(request.url()))
    await page.goto(url)
    await page.getByTestId('editor').waitFor({ timeout: WAIT * 1000 })
  },
  close: async ({ page: name }) => {
    await of(name).context.close()
    seen.delete(name)
  },
  record: async ({ page: name, testId }) => { await of(name).page.evaluate(recordStates, testId) },
  states: ({ page: name, testId }) => of(name).page.evaluate((id) => window.__states[id], testId),
  /** Click into the text, go to its end and type, key by key, `delay` milliseconds apart. */
  type: async ({ page: name, value, delay = 0 }) => {
    const editor = byTestId(name, 'editor')
    await editor.click()
    await of(name).page.keyboard.press('Control+End')
    await of(name).page.keyboard.type(value, { delay })
    return Date.now()
  },
  press: ({ page: name, key }) => of(name).page.keyboard.press(key),
  fill: async ({ page: name, testId, value }) => {
    await byTestId(name, testId).fill(value)
    await byTestId(name, testId).press('Enter')
  },
  click: ({ page: name, testId }) => byTestId(name, testId).click(),
  text: ({ page: name }) => of(name).page.evaluate(() => window.__textOf('editor')),
  html: ({ page: name, testId = 'editor' }) => byTestId(name, testId).innerHTML(),
  attribute: ({ page: name, testId, attribute }) => byTestId(name, testId).getAttribute(attribute),
  waitText: ({ page: name, parts, timeout = WAIT }) => bounded(`text ${parts}`, async () => {
    await of(name).page.waitForFunction((wanted) => {
      const text = window.__textOf('editor')
      return wanted.every((part) => text.includes(part))
    }, parts, { timeout: timeout * 1000 })
    return Date.now()
  }),
  /** Wait for so many characters, paragraphs apart: two who begin an empty note at once begin one each. */
  waitLength: ({ page: name, length, timeout = WAIT }) => bounded(`${length} characters`, () =>
    of(name).page.waitForFunction((wanted) => window.__textOf('editor').replaceAll('\n', '').length === wanted, length, { timeout: timeout * 1000 })
      .then(() => Date.now())),
  waitAttribute: ({ page: name, testId, attribute, values, timeout = WAIT }) => bounded(`${testId} ${attribute} ${values}`, async () => {
    const found = await of(name).page.waitForFunction(([id, key, wanted]) => {
      const value = document.querySelector(`[data-testid="${id}"]`)?.getAttribute(key)
      return wanted.includes(value) && value
    }, [testId, attribute, values], { timeout: timeout * 1000 })
    return found.jsonValue()
  }),
  problems: ({ page: name }) => of(name).problems,
  requests: ({ page: name }) => of(name).requests
}

serve(operations, { onEnd: () => { void browser.close().finally(() => process.exit(0)) } })
