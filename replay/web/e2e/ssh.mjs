// The browser's half of the player's test with a real ssh; browser.mjs has the environment, driver.mjs
// the protocol. The driver does
//
//	{"ask":"ssh"}                         a client opens a shell; answers {"session"}
//	{"ask":"type","text","want"}          it types a line; answers {"at"} once it printed want
//	{"ask":"send","text"}                 it types a line and does not wait
//	{"ask":"printed","want"}              {"output"} once the client printed that
//	{"ask":"press","text"}                it presses a key and does not wait
//	{"ask":"leave"}                       the client ends its shell
//
// SALLYPORT_KEYSTROKES says how many keys are pressed to measure how long it takes until what they make
// the target print is seen, 20 by default.
import assert from 'node:assert/strict'
import { launch } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'
import { quantile, watchMarks } from './marks.mjs'

const env = process.env
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'ssh' })

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
  await step('what the target writes is seen at once', () => keystrokes(page))
  await step('the person at the client is told who watches', () => ask('printed', { want: 'is being watched by alice' }))
  await step('and what whoever watches says', async () => {
    await page.getByTestId('message').click()
    await page.getByTestId('message-text').fill('mind the dog')
    await page.getByTestId('message-confirm').click()
    await ask('printed', { want: 'alice: mind the dog' })
  })
  await step('a paused shell takes nothing in until it is resumed', async () => {
    await page.getByTestId('pause').click()
    await page.getByTestId('pause-confirm').click()
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

// keystrokes has the target say, at each key, what time it is there, and looks when that is seen. Each
// key comes a little after the one before was seen, at a moment of a frame that nobody chose.
async function keystrokes(page) {
  const line = `while IFS= read -rsn1 key && [ "$key" != q ]; do n=$((n+1)); printf 'mark-%d-%s.\\r\\n' "$n" "$EPOCHREALTIME"; done; echo over-$((1+1))`
  await ask('type', { text: line, want: 'over' })
  await page.evaluate(watchMarks)
  const hops = { recorded: [], arrived: [], drawn: [], seen: [] }
  for (let n = 1; n <= (Number(env.SALLYPORT_KEYSTROKES) || 20); n++) {
    await ask('press', { text: 'k' })
    const mark = await page.waitForFunction((name) => window.marks[name]?.seen && window.marks[name], `mark-${n}`).then((handle) => handle.jsonValue())
    for (const hop in hops) hops[hop].push(mark[hop] - mark.written)
    await page.evaluate((wait) => new Promise((done) => setTimeout(done, wait)), 20 + Math.random() * 80)
  }
  await ask('press', { text: 'q' })
  await shows(page, 'over-2')
  for (const [hop, took] of Object.entries(hops)) {
    for (const share of [0.5, 0.99, 1]) tell({ step: `${hop}, p${share * 100}`, ms: Math.round(quantile(took, share)) })
  }
}
