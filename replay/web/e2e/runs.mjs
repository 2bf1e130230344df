// An agent's run, from its prompt to what came of it, in real Chromium against the real server. Environment, beside
// what browser.mjs takes:
//
//	SALLYPORT_TOKEN   of somebody who may look at what the run did
//	SALLYPORT_GUEST   of somebody who may look at nothing of it
//	SALLYPORT_READER  of somebody who may look at what it did, and not review
//	SALLYPORT_RUN     JSON: {"id", "child", "agent", "title": part of the prompt as it is listed, "prompt": parts of it,
//	                  "secret": what masks took out of it, "live": what the driver has the agent run}
//
// The driver also knows {"ask":"live"}: the agent runs something, in a session that stays open.
import assert from 'node:assert/strict'
import { audit, launch, overflow } from './browser.mjs'
import { ask, step } from './driver.mjs'

const env = process.env
const given = JSON.parse(env.SALLYPORT_RUN)
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'runs' })

async function signedIn(token, expected = []) {
  const page = await newPage({ expected })
  await page.goto('/signin?next=' + encodeURIComponent('/runs'))
  await page.fill('#token', token)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Runs of agents' }).waitFor()
  return page
}

async function run() {
  const page = await step('a token signs in', () => signedIn(env.SALLYPORT_TOKEN))
  await listed(page)
  await chain(page)
  await onward(page)
  await live(page)
  await unlinked()
  await withheld()
  await looks(await page.context().cookies())
}

async function listed(page) {
  const runs = page.getByTestId('runs')
  await step('runs are listed by their prompt, with what they did', async () => {
    const row = runs.locator('li').filter({ hasText: given.title })
    await row.waitFor()
    const text = (await row.textContent()).replace(/\s+/g, ' ')
    for (const part of [given.agent, 'model-1', '1 session', '1 denied', '1 held']) assert.ok(text.includes(part), `"${part}" is told in "${text}"`)
  })
  await step('an agent is filtered by, in the address', async () => {
    await page.getByRole('textbox', { name: 'Agent' }).fill('nobody')
    await page.waitForURL(/\/runs\?agent=nobody/)
    await page.getByText('No run of this agent').waitFor()
    await page.goto('/runs?agent=' + given.agent)
    await runs.locator('li').first().waitFor()
    assert.equal(await page.getByRole('textbox', { name: 'Agent' }).inputValue(), given.agent)
  })
}

async function chain(page) {
  await step('a run leads from its prompt to commands, verdicts, approvals, masks and results', async () => {
    await page.getByTestId('runs').locator('a', { hasText: given.title }).click()
    await page.waitForURL('**/runs/' + given.id)
    const prompt = await page.getByTestId('prompt').textContent()
    for (const part of given.prompt) assert.ok(prompt.includes(part), `"${part}" is in the prompt "${prompt}"`)
    const all = (await page.getByTestId('run').textContent()).replace(/\s+/g, ' ')
    assert.ok(!all.includes(given.secret), 'what masks took out of the prompt is shown')
    for (const part of ['1 value of credit-card masked', 'T-17', 'model-1']) assert.ok(all.includes(part), `"${part}" is told`)
    const steps = await page.getByTestId('step').allTextContents()
    const wants = [
      ['SELECT name', 'allowed', '1 row', '1 value of name masked', 'route', '/orders/:id'],
      ['DELETE FROM customers', 'held, then approved by bob@example.com', 'request', 'destructive SQL needs a DBA', 'no-destructive-sql', '“they are test data”'],
      ['TABLE secrets', 'denied', 'nobody reads secrets'],
      ['SELECT 1/0', 'allowed', '22012', 'division by zero'],
    ]
    assert.equal(steps.length, wants.length)
    wants.forEach((parts, i) => parts.forEach((part) => assert.ok(steps[i].replace(/\s+/g, ' ').includes(part), `"${part}" is in step ${i}: "${steps[i]}"`)))
    assert.ok((await page.title()).includes('Find the order'))
  })
}

async function onward(page) {
  await step('a step leads to the recording at that point, and a hold to its request', async () => {
    await page.getByTestId('step').nth(1).getByRole('link', { name: 'request' }).click()
    await page.getByTestId('request').getByText('DELETE FROM customers').first().waitFor()
    await page.goBack()
    await page.getByTestId('step').nth(1).locator('.at a').click()
    await page.waitForURL(/\/sessions\/[a-z2-7]{26}\?at=\d+/)
    await page.getByText('DELETE FROM customers').first().waitFor()
    await page.goBack()
    await page.getByTestId('step').first().waitFor()
  })
  await step('what a run did is searched in', async () => {
    await page.getByRole('link', { name: 'Search in it' }).click()
    await page.waitForURL(/\/search\?q=run/)
    await page.locator('[data-testid=hits]').getByText('customers').first().waitFor()
    await page.goBack()
  })
  await step('what a prompt led to is found by its words, and leads back to the run', async () => {
    await page.goto('/search?q=' + encodeURIComponent(`prompt:"${given.title.toLowerCase()}" kind:DELETE field:command`))
    const hits = page.getByTestId('hits').locator('li')
    await hits.first().waitFor()
    assert.equal(await hits.count(), 1)
    assert.match(await hits.textContent(), /DELETE FROM customers/)
    await shot(page, 'search-prompt')
    assert.deepEqual(await audit(page), [])
    await page.getByTestId('hit-prompt').filter({ hasText: given.title }).click()
    await page.waitForURL('**/runs/' + given.id)
    await page.getByTestId('step').first().waitFor()
  })
  await step('a run below it is shown with it, and leads back', async () => {
    await page.getByRole('heading', { name: 'Runs that it started' }).waitFor()
    await page.locator(`a[href="/runs/${given.child}"]`).click()
    await page.getByTestId('step').getByText('left_over').waitFor()
    await page.locator('dl').getByRole('link', { name: given.id }).click()
    await page.getByTestId('step').getByText('TABLE secrets').waitFor()
  })
}

async function live(page) {
  await step('what the agent does now appears by itself', async () => {
    await ask('live')
    await page.getByTestId('step').getByText(given.live).waitFor()
    await page.getByTestId('run').getByText('live', { exact: true }).first().waitFor()
  })
}

async function unlinked() {
  await step('a request is named, and not linked, for who may not see it; its page says who may', async () => {
    const page = await signedIn(env.SALLYPORT_READER, [/404/])
    await page.goto('/runs/' + given.id)
    const held = page.getByTestId('step').nth(1)
    await held.getByText(/^request a-/).waitFor()
    assert.equal(await held.getByRole('link', { name: 'request' }).count(), 0)
    const id = (await held.locator('code').filter({ hasText: /^a-/ }).textContent()).trim()
    await shot(page, 'run-unlinked')
    assert.deepEqual(await audit(page), [])
    await page.goto('/approvals/' + id)
    await page.getByText('those who may review it').waitFor()
    await page.context().close()
  })
}

async function withheld() {
  await step('who may look at nothing of it is not told that it is there', async () => {
    const page = await signedIn(env.SALLYPORT_GUEST, [/404/])
    await page.getByText('No runs yet').waitFor()
    await page.goto('/runs/' + given.id)
    await page.getByText('This run cannot be shown.').waitFor()
    assert.ok(!(await page.textContent('body')).includes(given.title))
    await page.goto('/search?q=' + encodeURIComponent('prompt:customer'))
    await page.getByText('Nothing matches').waitFor()
    assert.ok(!(await page.textContent('main')).includes(given.title))
    await page.context().close()
  })
}

// Both pages in both themes, wide and narrow.
async function looks(cookies) {
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await step(`${theme} at ${width} pixels`, async () => {
        const page = await newPage({ theme, width, cookies })
        for (const [name, path, ready] of [['runs', '/runs', '[data-testid=runs]'], ['run', '/runs/' + given.id, '[data-testid=step]'], ['search-prompt', '/search?q=prompt:customer', '[data-testid=hit-prompt]']]) {
          await page.goto(path)
          await page.locator(ready).first().waitFor()
          await shot(page, `${name}-${theme}-${width}`)
          assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA`)
          assert.ok((await overflow(page)) <= 0, `${name} fits ${width} pixels`)
        }
        await page.context().close()
      })
    }
  }
}
