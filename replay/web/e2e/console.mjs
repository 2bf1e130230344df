// What a reviewer and an administrator do, in real Chromium against the real server, with psql at
// the other end (driver.mjs has the protocol). Environment, beside what run.mjs takes:
//
//	SALLYPORT_TOKEN   of somebody who may review and administer
//
// The driver also knows {"ask":"hold","text":"…"}: a client runs a text that waits for approval; and
// {"ask":"outcome","text":"…","want":"…"}: that client has been told something.
import assert from 'node:assert/strict'
import { audit, launch, overflow } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'

const env = process.env
const timeout = Number(env.SALLYPORT_TIMEOUT) || 15_000
const { browser, faults, page: newPage, shot } = await launch({ url: env.SALLYPORT_URL, shots: env.SALLYPORT_SHOTS, timeout })

try {
  const page = await newPage()
  await signIn(page)
  await inbox(page)
  await search(page)
  await looks(await page.context().cookies())
  assert.deepEqual(faults, [], 'pages must log no error and talk to no other host')
  tell({ done: true })
} catch (err) {
  for (const context of browser.contexts()) for (const p of context.pages()) await shot(p, 'failed').catch(() => {})
  tell({ failed: err.message, faults })
  process.exitCode = 1
} finally {
  await browser.close()
  process.stdin.destroy()
}

async function signIn(page) {
  await step('a token signs in', async () => {
    await page.goto('/signin?next=' + encodeURIComponent('/approvals'))
    await page.fill('#token', env.SALLYPORT_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByText('Nothing waits for you').waitFor()
  })
}

async function inbox(page) {
  const remove = "DELETE FROM customers WHERE true;"
  await step('what is held appears by itself, and beside its link', async () => {
    await ask('hold', { text: remove })
    await page.getByTestId('requests').getByText(remove).waitFor()
    await page.getByTestId('waiting').filter({ hasText: '1' }).waitFor()
  })
  await step('a request shows what would run, who asks, and why it waits', async () => {
    await page.keyboard.press('j')
    await page.waitForURL(/\/approvals\/a-/)
    const request = page.getByTestId('request')
    await request.waitFor()
    const text = (await request.textContent()).replace(/\s+/g, ' ')
    for (const part of [remove, 'alice@example.com', 'orders', 'destructive SQL needs a DBA', 'Needs 1 person of dba', 'writes without a condition', 'public.customers'])
      assert.ok(text.includes(part), `"${part}" is told in "${text}"`)
    await shot(page, 'request')
  })
  await step('it is denied with a reason, and the client is told', async () => {
    assert.ok(await page.getByTestId('deny').isDisabled(), 'no reason, no denial')
    await page.getByLabel(/^Reason/).fill('customers are still needed')
    await page.getByTestId('deny').click()
    await page.locator('[data-testid=request][data-status=denied]').waitFor()
    await ask('outcome', { text: remove, want: 'customers are still needed' })
  })
  await step('a decided request is found by its status, and its address is its own', async () => {
    await page.goto('/approvals?status=denied')
    const row = page.getByTestId('requests').locator('a', { hasText: remove })
    await row.click()
    await page.waitForURL(/\/approvals\/a-[^?]+\?status=denied/)
    await page.reload()
    await page.locator('[data-testid=request][data-status=denied]').getByText('customers are still needed').first().waitFor()
  })
  await step('two are approved alike, and both go on', async () => {
    const two = ['UPDATE customers SET name = upper(name);', "UPDATE customers SET name = name || '!';"]
    for (const text of two) await ask('hold', { text })
    await page.goto('/approvals')
    await page.getByLabel('All 2 that you may decide').check()
    await page.getByTestId('bulk').waitFor()
    await shot(page, 'bulk')
    await page.getByTestId('approve').click()
    await page.getByText('Nothing waits for you').waitFor()
    for (const text of two) await ask('outcome', { text, want: 'UPDATE 2' })
  })
}

async function search(page) {
  const box = page.getByRole('combobox', { name: 'Search all sessions' })
  await step('fields and values are completed by keyboard', async () => {
    await page.goto('/search')
    await page.keyboard.press('/')
    await page.keyboard.type('customers wh')
    await page.getByRole('option', { name: /^who:/ }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.type('al')
    await page.getByRole('option', { name: /^alice@example\.com/ }).waitFor()
    await shot(page, 'completion')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.searchParams.get('q') === 'customers who:alice@example.com')
    assert.equal(await page.getByRole('listbox').count(), 0)
  })
  await step('facets narrow the search, and the address says how', async () => {
    await page.getByTestId('hits').waitFor()
    await page.getByTestId('facets').getByRole('link', { name: /^denied/ }).click()
    await page.waitForURL((url) => url.searchParams.get('q') === 'customers who:alice@example.com verdict:denied')
    await page.getByRole('status').filter({ hasText: /^1 hit / }).waitFor()
    assert.match(await page.getByTestId('hits').textContent(), /DELETE FROM customers/)
    assert.equal(await box.inputValue(), 'customers who:alice@example.com verdict:denied')
    await page.getByTestId('facets').getByRole('link', { name: 'Exclude denied' }).click({ force: true })
    await page.waitForURL((url) => url.searchParams.get('q') === 'customers who:alice@example.com -verdict:denied')
    await page.getByTestId('hits').filter({ hasNotText: 'DELETE FROM' }).waitFor()
  })
  await step('a bar limits the time, and the order turns round', async () => {
    await page.goto('/search?q=customers')
    const bar = page.getByTestId('histogram').locator('a').first()
    await bar.waitFor()
    await bar.click({ force: true })
    await page.waitForURL(/after%3A.*before%3A/)
    await page.getByTestId('hits').waitFor()
    await page.getByRole('link', { name: 'Oldest first' }).click()
    await page.waitForURL(/order=oldest/)
    await page.getByTestId('hits').waitFor()
  })
  await step('a search is kept under a name, found again and forgotten', async () => {
    await page.goto('/search?q=' + encodeURIComponent('kind:UPDATE customers'))
    await page.getByRole('button', { name: 'Save this search…' }).click()
    await page.getByLabel('Name of the search').fill('updates of customers')
    await page.keyboard.press('Enter')
    const link = page.getByTestId('saved').getByRole('link', { name: 'updates of customers' })
    await link.waitFor()
    await page.goto('/search')
    await link.click()
    await page.waitForURL((url) => url.searchParams.get('q') === 'kind:UPDATE customers')
    await page.getByRole('button', { name: 'Forget updates of customers' }).click()
    await link.waitFor({ state: 'detached' })
  })
}

// looks takes every page in both themes and both widths, and has axe look as well.
async function looks(cookies) {
  const places = [
    ['approvals', '/approvals?status=all', '[data-testid=requests]'],
    ['request', null, '[data-testid=request]'],
    ['search', '/search?q=customers', '[data-testid=hits]'],
    ['search-help', '/search', '.help'],
  ]
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await step(`${theme} at ${width} pixels`, async () => {
        const page = await newPage({ theme, width, cookies })
        for (const [name, path, ready] of places) {
          if (path) await page.goto(path)
          else await page.getByTestId('requests').locator('a').first().click()
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
