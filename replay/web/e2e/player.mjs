// The browser's half of the player's test; browser.mjs has the environment, driver.mjs the protocol.
// SALLYPORT_EXPECT names three sessions: {"database", "terminal", "live"}. Besides, the driver does
//
//	{"ask":"write","text":"…"}   terminal output, now
//	{"ask":"export","session":"ID"} the session as a page; answers {"file": its path}
//	{"ask":"told","session":"ID","want":"…"} {} once the client printed that
//	{"ask":"finish"}             the session that is open ends
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { audit, launch, overflow } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'

const env = process.env
const expect = JSON.parse(env.SALLYPORT_EXPECT)
const { browser, faults, page: newPage, shot, perform } = await launch()

await perform(run, { name: 'player' })

async function run() {
  const page = await newPage()
  await page.goto('/signin#code=' + encodeURIComponent(env.SALLYPORT_CODE))
  await page.getByTestId('sessions').waitFor()
  await terminal(page)
  await statements(page)
  await live(page)
  await steered(page)
  await exported()
  await looks(await page.context().cookies())
}

async function place(page) {
  return Number(await page.getByTestId('time').getAttribute('data-at'))
}

function screen(page) {
  return page.getByTestId('terminal').innerText()
}

function shows(page, text) {
  return page.waitForFunction((want) => document.querySelector('[data-testid=terminal]')?.innerText.includes(want), text)
}

async function terminal(page) {
  const moments = page.getByTestId('moments')
  await step('a terminal session opens at its beginning', async () => {
    await page.goto('/sessions/' + expect.terminal)
    await page.locator('[data-testid=terminal-stage][data-connection=ready]').waitFor()
    await moments.getByText('make step-3', { exact: true }).waitFor()
    assert.ok((await place(page)) < 3000, 'it begins at its beginning')
  })
  await step('it plays, and skips what is idle', async () => {
    const began = await place(page)
    await page.locator('#speed').selectOption('16')
    await page.getByTestId('play').click()
    await page.waitForFunction((from) => Number(document.querySelector('[data-testid=time]').dataset.at) > from + 60_000, began)
    await page.keyboard.press(' ')
    const stopped = await place(page)
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    assert.equal(await place(page), stopped, 'paused, the clock stands still')
    assert.match(await screen(page), /Building object/)
    await shot(page, 'player-terminal')
  })
  await step('a click on an event leads there, and the address names the entry', async () => {
    await moments.getByText('make step-20', { exact: true }).click()
    await shows(page, 'object 20.19.o')
    assert.ok(!(await screen(page)).includes('object 21.'), 'nothing of what comes later is shown')
    assert.match(page.url(), /\?at=\d+$/)
  })
  await step('keys step through output, commands and time', async () => {
    const at = await place(page)
    await page.keyboard.press('.')
    await page.waitForFunction((from) => Number(document.querySelector('[data-testid=time]').dataset.at) !== from, at)
    await page.keyboard.press('n')
    await shows(page, 'object 21.19.o')
    await page.keyboard.press('p')
    await shows(page, 'object 20.19.o')
    await page.waitForFunction(() => !document.querySelector('[data-testid=terminal]').innerText.includes('object 21.'))
  })
  await step('the link of an entry shows the same to somebody else', async () => {
    const want = await screen(page)
    const other = await newPage({ cookies: await page.context().cookies() })
    await other.goto(page.url())
    await other.locator('[data-testid=terminal-stage][data-connection=ready]').waitFor()
    await shows(other, 'object 20.19.o')
    assert.equal(await screen(other), want)
    await other.context().close()
  })
  await step('seeking anywhere takes its time from the server alone', async () => {
    const line = page.getByLabel('Place in the session')
    for (const share of [0.9, 0.1, 0.6]) {
      const box = await line.boundingBox()
      const began = performance.now()
      await page.mouse.click(box.x + box.width * share, box.y + box.height / 2)
      const step = Math.floor(60 * share)
      await page.waitForFunction(
        ([low, high]) => {
          const seen = [...(document.querySelector('[data-testid=terminal]')?.innerText ?? '').matchAll(/object (\d+)\./g)].map((m) => Number(m[1]))
          return seen.length > 0 && seen.every((n) => n >= low && n <= high)
        },
        [step - 4, step + 4],
      )
      tell({ step: `seek to ${share * 100} %`, ms: Math.round(performance.now() - began) })
    }
  })
  await step('what scrolled away can be scrolled back to, and copied', async () => {
    await page.getByTestId('terminal').evaluate((box) => (box.scrollTop = 0))
    const copied = await page.evaluate(() => {
      getSelection().selectAllChildren(document.querySelector('[data-testid=terminal]'))
      return getSelection().toString()
    })
    assert.match(copied, /Building object/)
  })
  await step('a note stays, and leads to its entry', async () => {
    await page.getByTestId('notes').click()
    await page.locator('#note').fill('here it goes wrong')
    await page.getByRole('button', { name: 'Add note' }).click()
    await page.getByText('here it goes wrong').waitFor()
    await shot(page, 'player-notes')
    await page.getByRole('button', { name: 'Take back' }).click()
    await page.getByText('No notes yet.').waitFor()
    await page.getByRole('button', { name: 'People' }).click()
    await page.getByText('read it').first().waitFor()
    await page.getByRole('button', { name: 'Events' }).click()
  })
  await step('integrity is shown for what is on the screen', async () => {
    await page.getByTestId('integrity').click()
    await page.getByText('are as they were recorded').waitFor()
    await shot(page, 'player-integrity')
    await page.keyboard.press('Escape')
    await page.getByTestId('integrity').getByText('Unaltered').waitFor()
  })
  await step('the entries of a terminal session can be read as a list', async () => {
    await page.getByTestId('entries').click()
    await page.getByTestId('step').first().waitFor()
  })
}

async function statements(page) {
  await step('a database session plays statement by statement', async () => {
    await page.goto('/sessions/' + expect.database)
    await page.locator('[data-connection=ended]').waitFor()
    await page.locator('#speed').selectOption('0.25')
    await page.getByTestId('play').click()
    await page.waitForFunction(() => document.querySelectorAll('[data-testid=step]').length > 3 && document.querySelector('.ahead [data-testid=step]'))
    await page.waitForFunction(() => !document.querySelector('.ahead [data-testid=step]'))
  })
  await step('find marks the time line and leads to its hits', async () => {
    await page.keyboard.press('s')
    await page.keyboard.type('customers')
    await page.keyboard.press('Enter')
    await page.getByTestId('found').waitFor()
    await page.locator('[data-testid=step][aria-current=true]', { hasText: 'customers' }).waitFor()
    await shot(page, 'player-statements')
  })
  await step('the next alert is the denied command', async () => {
    await page.goto('/sessions/' + expect.database)
    await page.locator('[data-connection=ended]').waitFor()
    await page.keyboard.press('e')
    await page.locator('[data-testid=step][aria-current=true][data-outcome=denied]').waitFor()
  })
}

async function live(page) {
  const stage = page.locator('[data-testid=terminal-stage][data-connection=live]')
  await step('an open terminal is followed at its tail', async () => {
    await page.goto('/sessions/' + expect.live)
    await stage.waitFor()
    await shows(page, 'object 59.19.o')
  })
  await step('what is written is seen at once', async () => {
    for (let i = 0; i < 5; i++) {
      await ask('write', { text: `\r\nmark-${i}-` })
      await shows(page, `mark-${i}-`)
    }
    await shot(page, 'player-live')
  })
  await step('scrubbing back leaves the tail; going live again misses nothing', async () => {
    await page.keyboard.press('ArrowLeft')
    await page.locator('[data-testid=terminal-stage][data-connection=ready]').waitFor()
    for (let i = 100; i < 110; i++) await ask('write', { text: `\r\nmark-${i}-` })
    await page.getByTestId('follow').click()
    await stage.waitFor()
    for (let i = 100; i < 110; i++) await shows(page, `mark-${i}-`)
    assert.equal(await page.getByTestId('follow').textContent(), 'Following')
  })
  await step('a connection that broke goes on where it was', async () => {
    await page.evaluate(() => window.keptSockets.forEach((socket) => socket.close()))
    await ask('write', { text: '\r\nsaid while away' })
    await shows(page, 'said while away')
  })
  await step('the end shows', async () => {
    await ask('finish')
    await page.getByTestId('state').filter({ hasText: 'closed' }).waitFor()
  })
}

async function steered(page) {
  const { session } = await ask('open')
  await step('who watches says something to the person at the client', async () => {
    await page.goto('/sessions/' + session)
    await page.locator('[data-connection=live]').waitFor()
    await page.getByTestId('message').click()
    await page.getByTestId('message-text').fill('mind the rows')
    await page.getByTestId('message-confirm').click()
    await ask('told', { session, want: 'alice: mind the rows' })
    await page.getByTestId('step').filter({ hasText: 'mind the rows' }).waitFor()
  })
  await step('a session is paused, and goes on', async () => {
    await page.getByTestId('pause').click()
    await page.getByTestId('pause-text').fill('wait a moment')
    await page.getByTestId('pause-confirm').click()
    await page.getByTestId('paused').waitFor()
    await page.getByTestId('resume').click()
    await page.getByTestId('pause').waitFor()
    await ask('told', { session, want: 'paused by alice; what you send waits: wait a moment' })
    await page.getByRole('button', { name: 'People' }).click()
    await page.getByText('wait a moment').first().waitFor()
    await ask('close', { session })
  })
}

// alone opens a file in a window without the server, and notes what goes wrong in it.
async function alone(file) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } })
  context.setDefaultTimeout(Number(env.SALLYPORT_TIMEOUT) || 15_000)
  const page = await context.newPage()
  page.on('console', (m) => m.type() === 'error' && faults.push('export: ' + m.text()))
  page.on('pageerror', (err) => faults.push('export: ' + err.stack))
  page.on('request', (r) => r.url().startsWith('file:') || faults.push('export asks for ' + r.url()))
  await page.goto('file://' + file)
  return page
}

async function exported() {
  const { file } = await ask('export', { session: expect.terminal })
  await step('an export plays without a server, and proves itself', async () => {
    const page = await alone(file)
    await page.getByTestId('moments').getByText('make step-20', { exact: true }).click()
    await shows(page, 'object 20.19.o')
    await page.getByTestId('integrity').click()
    await page.getByText('are as they were recorded').waitFor()
    await shot(page, 'player-export')
    assert.deepEqual(await audit(page), [], 'an export holds WCAG 2.2 AA')
    await page.context().close()
  })
  await step('an export of statements does, too', async () => {
    const { file } = await ask('export', { session: expect.database })
    const page = await alone(file)
    await page.getByTestId('step').filter({ hasText: 'DROP TABLE customers' }).waitFor()
    await page.getByTestId('integrity').click()
    await page.getByText('are as they were recorded').waitFor()
    await shot(page, 'player-export-statements')
    await page.context().close()
  })
  await step('what was changed in an export is told', async () => {
    const text = await readFile(file, 'utf8')
    const within = (id, change) => {
      const at = text.indexOf(`id="${id}">`)
      return text.slice(0, at) + change(text.slice(at))
    }
    for (const changed of [
      within('entries', (rest) => rest.replace('"text":"make step-7"', '"text":"make step-8"')),
      within('facts', (rest) => rest.replace(/("data":".{60})(.)/, (_, head, c) => head + (c === 'A' ? 'B' : 'A'))),
      within('facts', (rest) => rest.replace(/\n\{"sequence":\d+,"data":"[^"]*"\},/, '')),
    ]) {
      assert.notEqual(changed, text)
      const other = file.replace('.html', '-changed.html')
      await writeFile(other, changed)
      const page = await alone(other)
      await page.getByTestId('integrity').click()
      await page.getByText('This is not what was recorded.').waitFor()
      await page.context().close()
    }
  })
}

async function looks(cookies) {
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await step(`${theme} at ${width} pixels`, async () => {
        const page = await newPage({ theme, width, cookies })
        for (const [name, path, ready] of [
          ['terminal', `/sessions/${expect.terminal}?at=900`, '[data-testid=terminal-stage][data-connection=ready]'],
          ['statements', `/sessions/${expect.database}?at=9`, '[data-testid=step][aria-current=true]'],
        ]) {
          await page.goto(path)
          await page.locator(ready).first().waitFor()
          await page.locator('[data-moment]').first().waitFor()
          await shot(page, `player-${name}-${theme}-${width}`)
          assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA`)
          assert.ok((await overflow(page)) <= 0, `${name} fits ${width} pixels`)
        }
        await page.context().close()
      })
    }
  }
}
