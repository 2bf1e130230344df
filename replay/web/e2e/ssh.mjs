// The browser's half of the player's test with a real ssh; run.mjs has the environment, driver.mjs
// the protocol. The driver does
//
//	{"ask":"ssh"}                         a client opens a shell; answers {"session"}
//	{"ask":"type","text","want"}          it types a line; answers {"at"} once it printed want
//	{"ask":"send","text"}                 it types a line and does not wait
//	{"ask":"printed","want"}              {"output"} once the client printed that
//	{"ask":"leave"}                       the client ends its shell
import assert from 'node:assert/strict'
import { launch } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'

const env = process.env
const timeout = Number(env.SALLYPORT_TIMEOUT) || 15_000
const { browser, faults, page: newPage, shot } = await launch({ url: env.SALLYPORT_URL, shots: env.SALLYPORT_SHOTS, timeout })

try {
  await run()
  assert.deepEqual(faults, [], 'pages must log no error and talk to no other host')
  tell({ done: true })
} catch (err) {
  for (const context of browser.contexts()) for (const p of context.pages()) await shot(p, 'ssh-failed').catch(() => {})
  tell({ failed: err.message, faults })
  process.exitCode = 1
} finally {
  await browser.close()
  process.stdin.destroy()
}

function shows(page, text) {
  return page.waitForFunction((want) => document.querySelector('[data-testid=terminal]')?.innerText.includes(want), text)
}

async function run() {
  const page = await newPage()
  await page.goto('/signin#code=' + encodeURIComponent(env.SALLYPORT_CODE))
  await page.waitForURL((url) => url.pathname === '/')
  const { session } = await ask('ssh')
  await step('an open shell is watched as it is typed', async () => {
    await page.goto('/sessions/' + session)
    await page.locator('[data-testid=terminal-stage][data-connection=live]').waitFor()
    await ask('type', { text: 'echo hello-$((6*7))', want: 'hello-42' })
    await shows(page, 'hello-42')
    await shot(page, 'ssh-live')
  })
  await step('the person at the client is told who watches', () => ask('printed', { want: 'is being watched by alice' }))
  await step('and what whoever watches says', async () => {
    await page.getByTestId('message').click()
    await page.locator('#steer-text').fill('mind the dog')
    await page.getByTestId('steer-confirm').click()
    await ask('printed', { want: 'alice: mind the dog' })
  })
  await step('a paused shell takes nothing in until it is resumed', async () => {
    await page.getByTestId('pause').click()
    await page.getByTestId('steer-confirm').click()
    await page.getByTestId('paused').waitFor()
    await ask('send', { text: 'echo held-$((1+1))' })
    await page.getByTestId('resume').click()
    const { output } = await ask('printed', { want: 'held-2' })
    assert.ok(output.indexOf('alice resumed it') > 0 && output.indexOf('alice resumed it') < output.indexOf('held-2'), `nothing ran while it was paused: ${output}`)
    await shows(page, 'held-2')
  })
  await step('the closed shell replays', async () => {
    await ask('leave')
    await page.getByTestId('state').filter({ hasText: 'closed' }).waitFor()
    await page.goto('/sessions/' + session)
    await page.locator('[data-testid=terminal-stage][data-connection=ready]').waitFor()
    const line = page.getByLabel('Place in the session')
    const box = await line.boundingBox()
    await page.mouse.click(box.x + box.width - 2, box.y + box.height / 2)
    await shows(page, 'held-2')
    await page.getByTestId('integrity').click()
    await page.getByText('are as they were recorded').waitFor()
    await shot(page, 'ssh-closed')
  })
}
