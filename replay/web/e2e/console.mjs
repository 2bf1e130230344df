// What a reviewer and an administrator do, in real Chromium against the real server, with psql at
// the other end (driver.mjs has the protocol). Environment, beside what browser.mjs takes:
//
//	SALLYPORT_TOKEN   of somebody who may review and administer
//	SALLYPORT_GUEST   of somebody who may ask for access
//	SALLYPORT_ONCALL  of who runs what is held, and may go on without consent
//
// The driver also knows {"ask":"hold","text":"…"}: a client runs a text that waits for approval; and
// {"ask":"outcome","text":"…","want":"…"}: that client has been told something; and
// {"ask":"link","text":"…","want":"approve"}: {"link":"…"}, which a notifier sent about that text, to approve it.
import assert from 'node:assert/strict'
import { audit, launch, overflow } from './browser.mjs'
import { ask, step, tell } from './driver.mjs'

const env = process.env
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'console' })

async function run() {
  const page = await newPage({ expected: [/400 .*\/apply\?dry_run=true/] })
  await signIn(page)
  await inbox(page)
  await glass(page)
  await search(page)
  await access(page)
  await rules(page)
  await audited(page)
  await health(page)
  await looks(await page.context().cookies())
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
  await linked(page)
  await step('three are approved alike, at once, and what became of each is told', async () => {
    const texts = ['UPDATE customers SET name = upper(name);', "UPDATE customers SET name = name || '!';", "UPDATE customers SET name = '-' || name;"]
    for (const text of texts) await ask('hold', { text })
    await page.goto('/approvals')
    await page.getByLabel('All 3 that you may decide').check()
    await page.getByTestId('bulk').waitFor()
    await shot(page, 'bulk')
    let asked = 0
    await page.route('**/api/v1/approvals/reviews', async (route) => {
      asked++ // somebody is quicker with one of them
      const [id] = route.request().postDataJSON().ids
      const quicker = await page.request.post(`/api/v1/approvals/${id}/reviews`, { headers: { 'X-Sallyport': '1' }, data: { decision: 'approve', reason: '' } })
      assert.equal(quicker.status(), 200)
      await route.continue()
    })
    await page.getByTestId('approve').click()
    const outcomes = page.getByTestId('outcomes')
    await outcomes.getByRole('heading', { name: '2 reviews counted, 1 did not' }).waitFor()
    assert.equal(await outcomes.locator('li').count(), 3)
    await outcomes.locator('li', { hasText: 'did not count' }).getByText('already').waitFor()
    assert.equal(await outcomes.getByText(/^(approved|used)$/).count(), 2) // psql goes on at once
    assert.equal(asked, 1, 'one request for all of them')
    await page.unroute('**/api/v1/approvals/reviews')
    await page.getByText('Nothing waits for you').waitFor()
    await pictured(page, 'outcomes')
    await outcomes.getByRole('button', { name: 'Close' }).click()
    await outcomes.waitFor({ state: 'detached' })
    for (const text of texts) await ask('outcome', { text, want: 'UPDATE 2' })
  })
}

// linked follows the signed links that a notifier sent.
async function linked(page) {
  const text = 'UPDATE customers SET name = trim(name) WHERE true;'
  const followed = async (on, choice) => {
    await on.getByTestId('linked').filter({ hasText: choice }).waitFor()
    assert.match(await on.getByTestId(choice).getAttribute('class'), /primary/)
    assert.ok(await on.getByLabel(/^Reason/).evaluate((field) => field === document.activeElement), 'no button has the focus')
    await on.keyboard.press('Enter')
    await on.locator('[data-testid=request][data-status=pending]').waitFor()
  }
  await step('a link to deny leads there by way of the sign-in, and decides nothing', async () => {
    await ask('hold', { text })
    const other = await newPage({ expected: [/ 401 /] }) // nobody is signed in
    await other.goto((await ask('link', { text, want: 'deny' })).link)
    await other.fill('#token', env.SALLYPORT_TOKEN)
    await other.keyboard.press('Enter')
    await followed(other, 'deny')
    await pictured(other, 'linked')
    await other.context().close()
  })
  await step('a link to approve has that choice made, and a click decides', async () => {
    await page.goto((await ask('link', { text, want: 'approve' })).link)
    await page.waitForURL(/\?decision=approve$/)
    await followed(page, 'approve')
    await page.getByTestId('approve').click()
    await page.waitForURL((url) => !url.searchParams.has('decision'))
    await ask('outcome', { text, want: 'UPDATE 2' })
  })
}

// glass is what happens when nobody can be waited for.
async function glass(page) {
  const text = 'UPDATE customers SET name = lower(name) WHERE true;'
  const reason = 'checkout is down'
  await step('whoever asked goes on without consent, once they say why', async () => {
    await ask('hold', { text })
    const oncall = await newPage()
    await oncall.goto('/signin?next=' + encodeURIComponent('/approvals'))
    await oncall.fill('#token', env.SALLYPORT_ONCALL)
    await oncall.keyboard.press('Enter')
    await oncall.getByTestId('requests').locator('a', { hasText: text }).click()
    await oncall.getByTestId('glass').click()
    const dialog = oncall.getByRole('dialog', { name: "Run it without anybody's consent?" })
    await dialog.getByText('goes on record under your name').waitFor()
    assert.ok(await oncall.getByTestId('glass-confirm').isDisabled(), 'no reason, no consent of one\'s own')
    await dialog.getByLabel(/^Reason/).fill(reason)
    await pictured(oncall, 'glass')
    await oncall.getByTestId('glass-confirm').click()
    await dialog.waitFor({ state: 'hidden' })
    await ask('outcome', { text, want: 'UPDATE 2' })
    await oncall.locator('[data-testid=request]').getByText('broke the glass').waitFor()
    await oncall.context().close()
  })
  await step('somebody else says afterwards that it was not in order', async () => {
    await page.goto('/sessions')
    await page.getByTestId('waiting').filter({ hasText: '1' }).click()
    await pictured(page, 'afterwards')
    await page.getByTestId('afterwards').getByRole('link', { name: '1 command ran without consent' }).click()
    await page.waitForURL(/\/approvals\?status=unreviewed/)
    await page.getByTestId('requests').locator('a', { hasText: text }).click()
    const request = page.getByTestId('request')
    await request.getByText(reason).first().waitFor()
    assert.equal(await page.getByTestId('glass').count(), 0, 'a reviewer reviews')
    const button = page.getByRole('button', { name: 'Not in order' })
    assert.ok(await button.isDisabled(), 'no reason, no blame')
    await page.getByLabel(/^Reason/).fill('ask the owners first')
    await pictured(page, 'glass-after')
    await button.click()
    await request.getByText('Afterwards bob@example.com said: not in order. ask the owners first').waitFor()
    await button.waitFor({ state: 'detached' })
    await page.getByTestId('waiting').waitFor({ state: 'detached' })
  })
}

// pictured takes a page as it is in both themes, and has axe look.
async function pictured(page, name) {
  for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme })
    await shot(page, `${name}-${theme}`)
    assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA in the ${theme} theme`)
  }
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

async function access(page) {
  const guest = await newPage()
  await step('access is asked for', async () => {
    await guest.goto('/signin?next=' + encodeURIComponent('/access?target=orders'))
    await guest.fill('#token', env.SALLYPORT_GUEST)
    await guest.keyboard.press('Enter')
    await guest.getByLabel('Target').waitFor()
    assert.equal(await guest.getByLabel('Target').inputValue(), 'orders')
    await guest.getByRole('form', { name: 'Ask for access' }).locator('select').selectOption('2h')
    await guest.getByRole('textbox', { name: 'Reason' }).fill('ticket 4711')
    await guest.getByTestId('ask-access').click()
    await guest.getByTestId('access-requests').getByText('carol@example.com').waitFor()
  })
  await step('somebody decides, and it holds', async () => {
    await page.goto('/access')
    await page.getByTestId('access-requests').locator('a', { hasText: 'carol@example.com' }).click()
    await page.getByTestId('request').getByText('asks for access to').waitFor()
    await page.getByTestId('request').getByText('ticket 4711').first().waitFor()
    await shot(page, 'access-request')
    await page.getByTestId('approve').click()
    await page.waitForFunction(() => document.querySelector('[data-testid=request]')?.dataset.status !== 'pending')
    const grant = guest.getByTestId('grants').locator('li', { hasText: 'carol@example.com' })
    await grant.getByText('now', { exact: true }).waitFor()
    assert.match(await grant.textContent(), /approved by bob@example\.com/)
  })
  await step('and is taken back', async () => {
    await page.goto('/access')
    await page.getByTestId('grants').getByRole('button', { name: 'Revoke…' }).click()
    await shot(page, 'access-revoke')
    await page.getByRole('dialog').getByLabel('Reason').fill('done early')
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await guest.getByText('No access for a time').waitFor()
    await guest.getByLabel('Which').selectOption('all')
    await guest.getByTestId('grants').getByText('revoked by bob@example.com').waitFor()
  })
  await guest.context().close()
}

async function rules(page) {
  await step('a policy is read, and a mistake is told where it is', async () => {
    await page.getByRole('link', { name: 'Rules' }).click()
    await page.getByRole('link', { name: 'Policies' }).click()
    await page.getByTestId('resources').getByRole('link', { name: /no-destructive-sql/ }).click()
    const yaml = page.locator('#yaml')
    await yaml.waitFor()
    assert.match(await yaml.inputValue(), /verdict: hold/)
    await yaml.fill((await yaml.inputValue()).replace('verdict: hold', 'verdict: wait'))
    await page.getByTestId('fault').filter({ hasText: /spec\.verdict/ }).waitFor()
    assert.ok(await page.getByTestId('apply').isDisabled(), 'what is wrong cannot be applied')
    await shot(page, 'policy-wrong')
  })
  await step('a change is shown before it is applied, and holds then', async () => {
    const yaml = page.locator('#yaml')
    await yaml.fill((await yaml.inputValue()).replace('verdict: wait', 'verdict: hold').replace('destructive SQL needs a DBA', 'ask a DBA first'))
    const change = page.getByRole('region', { name: 'What changes in Policy no-destructive-sql' })
    await change.waitFor()
    const lines = await change.locator('.new, .old').allTextContents()
    assert.deepEqual(lines.map((l) => l.replace(/\s+/g, ' ').trim()), ['-removed message: destructive SQL needs a DBA', '+added message: ask a DBA first'])
    await shot(page, 'policy-change')
    await page.getByTestId('apply').click()
    await page.getByText('Applied. It holds from now on.').waitFor()
    const text = "UPDATE customers SET name = 'x';"
    await ask('hold', { text })
    await ask('outcome', { text, want: 'ask a DBA first' })
  })
  await step('who changed what is kept, and can be gone back to', async () => {
    const history = page.getByTestId('history')
    await history.getByText('bob@example.com').first().waitFor()
    const first = history.locator('li').last()
    await first.locator('summary').click()
    await first.getByRole('button', { name: 'Edit from this state' }).click()
    assert.match(await page.locator('#yaml').inputValue(), /verdict: deny/)
    await page.getByRole('button', { name: 'Undo changes' }).click()
  })
  await step('a role is made and deleted', async () => {
    await page.goto('/resources/role?new=1')
    const yaml = page.locator('#yaml')
    await yaml.waitFor()
    await yaml.fill((await yaml.inputValue()).replace('new-role', 'guests').replace('[eng]', '[guest]'))
    await page.getByTestId('apply').click()
    await page.waitForURL(/\/resources\/role\/guests$/)
    await page.getByTestId('resources').getByText('group guest may connect').waitFor()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('It was deleted.').waitFor()
    await page.getByTestId('resources').getByText('group guest may connect').waitFor({ state: 'detached' })
  })
}

async function audited(page) {
  await step('the audit says who did what, and leads there', async () => {
    await page.goto('/audit')
    const table = page.getByTestId('audit')
    await table.locator('tr', { hasText: 'bob@example.com' }).filter({ hasText: 'deleted role guests' }).waitFor()
    await table.locator('tr', { hasText: 'bob@example.com' }).filter({ hasText: 'denied a request' }).first().waitFor()
    await table.locator('tr', { hasText: 'alice@example.com' }).filter({ hasText: 'went on without consent' }).waitFor()
    await table.locator('tr', { hasText: 'bob@example.com' }).filter({ hasText: 'said afterwards that going on without consent was not in order' }).waitFor()
    await page.getByLabel('What').selectOption('signin')
    await page.waitForURL(/area=signin/)
    await table.locator('tr', { hasText: 'alice@example.com' }).filter({ hasText: 'signed in over postgres' }).first().waitFor()
    await table.getByText('denied a request').first().waitFor({ state: 'detached' })
    await page.getByLabel('Who', { exact: true }).fill('nobody-of-this-name')
    await page.getByText('Nothing of that kind').waitFor()
    await page.waitForURL(/by=nobody/)
  })
}

async function health(page) {
  await step('health shows streams, and what is behind', async () => {
    await page.goto('/health')
    await page.waitForFunction(() => {
      const state = document.querySelector('[data-testid=state]')?.textContent
      const problems = [...document.querySelectorAll('[role=alert]')].filter((p) => !/of the disk is free/.test(p.textContent)) // of this machine
      return state && state !== 'not ready' && problems.length === 0
    })
    await page.getByTestId('streams').getByText('CONTROL').waitFor()
    await page.getByTestId('projections').locator('tr', { hasText: 'FRAMES' }).waitFor()
  })
  await step('and whether those who are told of approvals were', async () => {
    await page.getByTestId('notifiers').locator('tr', { hasText: 'channel' }).filter({ hasText: 'teams' }).waitFor()
    const deliveries = page.getByTestId('deliveries')
    await deliveries.locator('tr', { hasText: 'channel' }).filter({ hasText: 'delivered' }).first().waitFor()
    await deliveries.locator('tr', { hasText: 'down' }).filter({ hasText: 'retrying' }).filter({ hasText: 'refused' }).first().waitFor()
    await deliveries.scrollIntoViewIfNeeded()
    await pictured(page, 'deliveries')
  })
  await step('projections are rebuilt, one after the other, and are equal', async () => {
    await page.getByTestId('rebuild').click()
    await page.getByTestId('rebuild-confirm').click()
    await page.locator('[data-testid=rebuild]:enabled').waitFor() // it has been disabled since the click
    const reports = await page.getByTestId('reports').locator('li').allTextContents()
    for (const report of reports) assert.match(report, /^equal/)
    for (const name of new Set(await page.getByTestId('projections').locator('tbody th').allTextContents())) {
      const report = reports.find((r) => r.startsWith('equal ' + name))
      assert.match(report ?? '', /[1-9][\d,]* (messages read|documents compared)/, `${name} told how far it was`)
    }
  })
}

// looks takes every page in both themes and both widths, and has axe look as well.
async function looks(cookies) {
  const places = [
    ['approvals', '/approvals?status=all', '[data-testid=requests]'],
    ['request', null, '[data-testid=request]'],
    ['search', '/search?q=customers', '[data-testid=hits]'],
    ['search-help', '/search', '.help'],
    ['access', '/access?status=all', '[data-testid=grants]'],
    ['rules', '/resources/target', '[data-testid=resources]'],
    ['rule', '/resources/policy/no-destructive-sql', '#yaml'],
    ['audit', '/audit', '[data-testid=audit]'],
    ['health', '/health', '[data-testid=streams]'],
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
          // Contrast goes by the theme and the layout by the width: two of the four see both.
          if ((theme === 'light') === (width > 600)) assert.deepEqual(await audit(page), [], `${name} holds WCAG 2.2 AA`)
          assert.ok((await overflow(page)) <= 0, `${name} fits ${width} pixels`)
        }
        await page.context().close()
      })
    }
  }
}
