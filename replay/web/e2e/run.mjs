// The browser's half of the end-to-end test: real Chromium against the real server, driven by
// whoever started both (driver.mjs has the protocol). Environment, beside what
// browser.mjs takes:
//
//	SALLYPORT_CODE      a one-time sign-in code
//	SALLYPORT_EXPECT    JSON: what a session that is closed already holds
//	                    {"who", "target", "search", "denied", "policy", "message"}
//	                    search is a query whose newest hit is the command denied; policy and message are optional
//	SALLYPORT_KILL      "1": the person signed in may end sessions, and ends one
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { audit, launch, overflow } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'
import { vitals } from './vitals.mjs'

const env = process.env
for (const name of ['SALLYPORT_URL', 'SALLYPORT_CODE', 'SALLYPORT_EXPECT']) {
  if (!env[name]) {
    tell({ failed: `${name} is not set` })
    process.exit(2)
  }
}
const expect = JSON.parse(env.SALLYPORT_EXPECT)
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'run' })

async function run() {
  const page = await newPage()
  await signIn(page)
  await list(page)
  await search(page)
  await player(page)
  await live(page)
  if (env.SALLYPORT_KILL === '1') await kill(page)
  await costs(await page.context().cookies(), new URL(page.url()).pathname)
  await looks(await page.context().cookies())
  await signOut(page)
}

async function signIn(page) {
  await step('without a session the way leads to the sign-in page', async () => {
    const stranger = await newPage({ expected: [/401/] })
    await stranger.goto('/sessions/nothing?at=3')
    await stranger.waitForURL(/\/signin\?next=/)
    await stranger.fill('#token', 'not-a-token')
    await stranger.keyboard.press('Enter')
    await stranger.getByRole('alert').waitFor()
    await shot(stranger, 'signin-refused')
    await stranger.context().close()
  })
  await step('a one-time code signs in and leaves the address', async () => {
    await page.goto('/signin#code=' + encodeURIComponent(env.SALLYPORT_CODE))
    await page.getByTestId('sessions').waitFor()
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).hash, '/')
  })
  await step('the code works once', async () => {
    const second = await newPage({ expected: [/401/] })
    await second.goto('/signin#code=' + encodeURIComponent(env.SALLYPORT_CODE))
    await second.getByText('This link no longer works.').waitFor()
    assert.equal(new URL(second.url()).hash, '')
    await second.context().close()
  })
}

async function list(page) {
  await step('the list shows the session', async () => {
    const row = page.getByTestId('sessions').locator('tbody tr', { hasText: expect.who }).filter({ hasText: expect.target }).filter({ hasText: 'denied' })
    await row.first().waitFor()
  })
  await step('a filter narrows the list and stays in the address', async () => {
    await page.getByLabel('Who', { exact: true }).fill('nobody-of-this-name')
    await page.getByText('No session fits this filter').waitFor()
    assert.match(page.url(), /who=nobody/)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByTestId('sessions').waitFor()
  })
}

async function search(page) {
  await step('search finds the denied command by keyboard', async () => {
    await page.keyboard.press('/')
    await page.keyboard.type(expect.search)
    await page.keyboard.press('Enter')
    const hit = page.getByTestId('hits').locator('a.hit', { hasText: 'denied' }).first()
    await hit.waitFor()
    assert.ok((await hit.textContent()).includes(expect.who), 'the hit names who')
    await shot(page, 'search')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/sessions\/[^/]+\?at=\d+/)
  })
  await step('the hit leads to the denied entry, in view and pointed out', async () => {
    const entry = page.locator('[data-testid=step][aria-current=true]')
    await entry.waitFor()
    await page.waitForFunction(() => {
      const box = document.querySelector('[data-testid=step][aria-current=true]')?.getBoundingClientRect()
      return box && box.top >= 0 && box.bottom <= window.innerHeight
    })
    const text = (await entry.textContent()).replace(/\s+/g, ' ')
    for (const part of [expect.denied, 'Denied', expect.policy, expect.message]) if (part) assert.ok(text.includes(part), `"${part}" is told in "${text}"`)
    assert.equal(await entry.getAttribute('data-outcome'), 'denied')
    await shot(page, 'denied')
  })
  await step('a broken query is told where', async () => {
    const other = await newPage({ cookies: await page.context().cookies(), expected: [/400/] })
    await other.goto('/search?q=' + encodeURIComponent('customers nosuchfield:x'))
    await other.getByText('This query cannot be read.').waitFor()
    await shot(other, 'search-broken')
    await other.context().close()
  })
}

async function player(page) {
  const current = page.locator('[data-testid=step][aria-current=true]')
  await step('keys move between commands', async () => {
    const denied = await current.getAttribute('id')
    await page.keyboard.press('p')
    await page.waitForFunction((id) => document.querySelector('[aria-current=true][data-testid=step]')?.id !== id, denied)
    const before = await current.getAttribute('id')
    assert.match(page.url(), new RegExp('at=' + before.replace('entry-', '') + '$'))
    await page.keyboard.press('e')
    await page.waitForFunction((id) => document.querySelector('[aria-current=true][data-testid=step]')?.id === id, denied)
  })
  await step('the closed session says so', async () => {
    assert.match(await page.getByTestId('state').textContent(), /^closed/)
  })
  await step('exports are offered', async () => {
    await page.getByText('Export', { exact: true }).click()
    for (const format of ['html', 'asciicast', 'ndjson']) {
      const status = await page.evaluate(async (href) => (await fetch(href)).status, await page.locator(`a[href*="format=${format}"]`).getAttribute('href'))
      assert.equal(status, 200, `export as ${format}`)
    }
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a[href*="format=ndjson"]').click()])
    const lines = (await readFile(await file.path(), 'utf8')).trimEnd().split('\n')
    assert.equal(JSON.parse(lines.at(-1)).kind, 'closed')
    await page.locator('[data-testid=export-progress][data-state=saved]').filter({ hasText: `${lines.length} entries` }).waitFor()
    await shot(page, 'export')
  })
  await step('an export is encrypted to a key', async () => {
    await page.fill('#export-key', 'age1wrong')
    await page.getByText('That is no age recipient').waitFor()
    await page.fill('#export-key', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p')
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a[href*="format=html"]').click()])
    assert.match(file.suggestedFilename(), /\.html\.age$/)
    assert.match((await readFile(await file.path())).toString('latin1'), /^age-encryption\.org\/v1\n/)
    await shot(page, 'export-encrypted')
  })
  await step('an export that is stopped saves nothing', async () => {
    await page.route(/format=asciicast/, () => {}) // it takes as long as it is let
    await page.locator('a[href*="format=asciicast"]').click()
    await page.getByTestId('export-cancel').click()
    await page.locator('[data-testid=export-progress][data-state=stopped]').waitFor()
    await page.unroute(/format=asciicast/)
    assert.deepEqual(await audit(page), [], 'the menu holds WCAG 2.2 AA')
    await page.keyboard.press('Escape')
  })
}

// opened finds a session that the driver opened while the list is on screen.
async function opened(page) {
  await page.goto('/')
  await page.getByTestId('sessions').waitFor()
  const { session } = await ask('open')
  const row = page.getByTestId('sessions').locator('tbody tr', { has: page.locator('.live') })
  const link = (session ? row.filter({ has: page.locator(`a[href="/sessions/${encodeURIComponent(session)}"]`) }) : row).locator('a').first()
  await link.waitFor()
  const href = await link.getAttribute('href')
  await link.click()
  await page.locator('[data-connection=live]').waitFor()
  return session ?? decodeURIComponent(href.split('/').pop())
}

async function live(page) {
  const session = await step('an open session appears in the list by itself', () => opened(page))
  await step('the live tail shows what is run', async () => {
    for (const n of [1, 2, 3]) {
      const word = `live tail ${n} ${Date.now()}`
      const began = performance.now()
      await ask('run', { session, text: `select '${word}' as word` })
      await page.getByTestId('step').filter({ hasText: word }).first().waitFor()
      tell({ step: `shown live: command ${n}`, ms: Math.round(performance.now() - began) })
    }
    const toEnd = await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight - window.scrollY)
    assert.ok(toEnd < 60, `following keeps the end in view; ${toEnd} pixels away`)
    await shot(page, 'live')
  })
  await step('a connection that broke goes on where it was', async () => {
    await page.evaluate(() => window.keptSockets.forEach((socket) => socket.close()))
    await page.locator('[data-connection=waiting]').waitFor()
    await ask('run', { session, text: "select 'said while away' as word" })
    await page.locator('[data-connection=live]').waitFor()
    await ask('run', { session, text: "select 'said after' as word" })
    for (const word of ['said while away', 'said after']) {
      await page.getByTestId('step').filter({ hasText: `select '${word}'` }).first().waitFor()
    }
  })
  await step('the end of the session shows', async () => {
    await ask('close', { session })
    await page.locator('[data-connection=ended]').waitFor()
    await page.getByTestId('state').filter({ hasText: 'closed' }).waitFor()
    await page.getByText('Session closed').waitFor()
  })
}

async function kill(page) {
  await step('a session is ended from the page, with a reason', async () => {
    const session = await opened(page)
    await page.getByTestId('kill').click()
    assert.ok(await page.getByTestId('kill-confirm').isDisabled(), 'no reason, no kill')
    await page.getByTestId('kill-text').fill('end-to-end test')
    await shot(page, 'kill')
    await page.getByTestId('kill-confirm').click()
    await page.getByTestId('state').filter({ hasText: 'killed' }).waitFor()
    await ask('gone', { session })
  })
}

// costs loads pages with nothing in the cache. How long it takes depends on the machine and is told; what
// moves, and how much is loaded, is held.
async function costs(cookies, session) {
  for (const width of [1280, 360]) {
    await step(`what loading costs at ${width} pixels`, async () => {
      for (const [name, path, ready] of [
        ['list', '/', '[data-testid=sessions]'],
        ['search', '/search?q=' + encodeURIComponent(expect.search), '[data-testid=hits]'],
        ['session', session, '[data-testid=step]'],
        ['approvals', '/approvals', 'main h1'],
      ]) {
        const page = await newPage({ width, cookies })
        const v = await vitals(page, path, ready)
        tell({ step: `${name}: ${Math.round(v.bytes / 1024)} KiB, layout shift ${v.cls.toFixed(3)}, blocked ${Math.round(v.tbt)} ms, largest paint after`, ms: Math.round(v.lcp) })
        assert.ok(v.cls < 0.1, `${name} moves while it loads: ${v.cls}`)
        assert.ok(v.bytes < 150 * 1024, `${name} loads ${v.bytes} bytes`)
        await page.context().close()
      }
    })
  }
}

// looks takes every page in both themes and both widths, and has axe look as well.
async function looks(cookies) {
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await step(`${theme} at ${width} pixels`, async () => {
        const page = await newPage({ theme, width, cookies })
        const places = [
          ['list', '/', '[data-testid=sessions]'],
          ['search', '/search?q=' + encodeURIComponent(expect.search), '[data-testid=hits]'],
          ['session', null, '[data-testid=step][aria-current=true]'],
        ]
        for (const [name, path, ready] of places) {
          if (path) await page.goto(path)
          else await page.locator('a.hit').first().click()
          await page.locator(ready).waitFor()
          await shot(page, `${name}-${theme}-${width}`)
          assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA`)
          assert.ok((await overflow(page)) <= 0, `${name} fits ${width} pixels`)
        }
        await page.context().close()
      })
    }
  }
}

async function signOut(page) {
  await step('after signing out nothing is shown', async () => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(/\/signin$/)
    const other = await newPage({ cookies: await page.context().cookies(), expected: [/401/] })
    await other.goto('/')
    await other.waitForURL(/\/signin/)
    await other.context().close()
  })
}
