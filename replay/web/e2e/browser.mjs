// A real Chromium whose pages are watched: what they log, and whom they talk to. The environment that
// every script takes:
//
//	SALLYPORT_URL       the server, such as http://127.0.0.1:7080
//	SALLYPORT_SHOTS     folder for screenshots; none without it
//	SALLYPORT_CHROMIUM  the browser, /usr/bin/chromium by default
//	SALLYPORT_TIMEOUT   milliseconds that anything may take, 15000 by default
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import { chromium } from 'playwright-core'
import { tell } from './driver.mjs'

const args = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

const { SALLYPORT_URL: url, SALLYPORT_SHOTS: shots } = process.env
const timeout = Number(process.env.SALLYPORT_TIMEOUT) || 15_000

export async function launch() {
  const browser = await chromium.launch({ executablePath: process.env.SALLYPORT_CHROMIUM || '/usr/bin/chromium', args })
  const faults = []
  const trails = new Map() // of a page: what it asked for and was answered
  const host = new URL(url).host

  // page opens a window of its own; expected are patterns of console errors that belong to the test.
  async function page({ theme = 'light', width = 1280, cookies = [], expected = [] } = {}) {
    const context = await browser.newContext({ baseURL: url, colorScheme: theme, viewport: { width, height: width < 600 ? 740 : 860 } })
    await context.addCookies(cookies)
    context.setDefaultTimeout(timeout)
    await context.addInitScript(keepSockets)
    const page = await context.newPage()
    const trail = []
    trails.set(page, trail)
    page.on('response', (r) => trail.push(`${r.status()} ${r.request().method()} ${r.url()}`))
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return
      const text = `${message.text()} (${message.location().url})`
      if (!expected.some((pattern) => pattern.test(text))) faults.push('console: ' + text)
    })
    page.on('pageerror', (err) => faults.push('exception: ' + err.stack))
    page.on('request', (request) => {
      const to = new URL(request.url())
      if (to.host !== host) faults.push('request to another host: ' + to.href)
    })
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) faults.push('websocket to another host: ' + socket.url())
    })
    return page
  }

  async function shot(page, name) {
    if (!shots) return
    await mkdir(shots, { recursive: true })
    await page.screenshot({ path: join(shots, name + '.png') })
  }

  // perform does what a script is for, tells whoever started it how that ended, and ends the browser.
  async function perform(script, { name, counts = () => true }) {
    try {
      await script()
      assert.deepEqual(faults.filter(counts), [], 'pages must log no error and talk to no other host')
      tell({ done: true })
    } catch (err) {
      // The failure is told of, whether or not its pages can be pictured and read.
      const shown = []
      for (const context of browser.contexts())
        for (const p of context.pages()) {
          await shot(p, name + '-failed').catch(() => {})
          shown.push(await p.evaluate(() => location.href + '\n' + document.body.innerText.slice(0, 2000)).catch(String), ...(trails.get(p) ?? []).slice(-20))
        }
      tell({ failed: [err.message, ...shown].join('\n--- '), faults })
      process.exitCode = 1
    } finally {
      await browser.close()
      process.stdin.destroy()
    }
  }

  return { browser, faults, page, shot, perform }
}

// keepSockets lets a test break a page's websockets, as a network would.
function keepSockets() {
  const sockets = (window.keptSockets = [])
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args)
      sockets.push(this)
    }
  }
}

// audit has axe look at a page as it is, and names what breaks WCAG 2.2 AA.
export async function audit(page) {
  await page.evaluate(axe.source)
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  )
  return found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 5).join(', ')}`)
}

// overflow is by how much a page is wider than its window.
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
