// Menus and dialogs over the pages that have them, in both themes, wide and narrow, in real Chromium against the real
// server. Environment, beside what browser.mjs takes:
//
//	SALLYPORT_TOKEN     of somebody who may do everything
//	SALLYPORT_SESSIONS  JSON: {"open", "closed"}: ids of sessions
import assert from 'node:assert/strict'
import { audit, launch, overflow } from './browser.mjs'
import { step } from './driver.mjs'

const env = process.env
const given = JSON.parse(env.SALLYPORT_SESSIONS)
const { page: newPage, shot, perform } = await launch()

async function run() {
  const page = await newPage()
  await page.goto('/signin')
  await page.fill('#token', env.SALLYPORT_TOKEN)
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.pathname === '/')
  const cookies = await page.context().cookies()
  await page.context().close()
  for (const theme of ['dark', 'light'])
    for (const width of [1280, 360]) await step(`${theme} at ${width} pixels`, () => looks(theme, width, cookies))
}

// opened are what opens each, and what is open then.
const opened = [
  ['export', `/sessions/${given.closed}`, (page) => page.locator('summary', { hasText: 'Export' }).click(), (page) => page.locator('details[open] .panel').filter({ hasText: 'Encrypt to' })],
  ['export-wrong', `/sessions/${given.closed}`, async (page) => {
    await page.locator('summary', { hasText: 'Export' }).click()
    await page.getByLabel('Encrypt to').fill('age1nonsense')
    await page.getByText('That is no age recipient').waitFor()
  }, (page) => page.locator('details[open] .panel').filter({ hasText: 'Encrypt to' })],
  ['keys', `/sessions/${given.closed}`, async (page) => {
    await page.locator('summary', { hasText: 'Export' }).waitFor()
    await page.keyboard.press('?')
  }],
  ['message', `/sessions/${given.open}`, (page) => page.getByTestId('message').click()],
  ['pause', `/sessions/${given.open}`, (page) => page.getByTestId('pause').click()],
  ['kill', `/sessions/${given.open}`, (page) => page.getByTestId('kill').click()],
  ['delete-rule', '/resources/policy/no-destructive-sql', (page) => page.getByRole('button', { name: 'Delete…' }).click()],
]

async function looks(theme, width, cookies) {
  const page = await newPage({ theme, width, cookies })
  for (const [name, path, open, panel = (p) => p.locator('dialog[open]')] of opened) {
    await page.goto(path)
    await open(page)
    const shown = panel(page)
    await shown.waitFor()
    await shot(page, `dialog-${name}-${theme}-${width}`)
    assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA`)
    assert.ok((await overflow(page)) <= 0, `${name} fits ${width} pixels`)
    const box = await shown.boundingBox()
    assert.ok(box.x >= 0 && box.x + box.width <= width, `${name} is in the window: ${JSON.stringify(box)}`)
  }
  await page.context().close()
}

await perform(run, { name: 'dialogs' })
