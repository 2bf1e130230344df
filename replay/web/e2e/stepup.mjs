// What is tried again once a passkey was proved: several reviews at once, and going on without consent. In a real
// Chromium with its own authenticator, and psql at the other end. Environment, beside what browser.mjs takes:
//
//	SALLYPORT_STEPUP  JSON: {"user", "password"} of a reviewer who is on call, {"own"}: text of a request of theirs,
//	                  {"others"}: texts of two requests of somebody else's; approving any needs a passkey
import assert from 'node:assert/strict'
import { asked, device, enter } from './authenticator.mjs'
import { audit, launch } from './browser.mjs'
import { step } from './driver.mjs'

const given = JSON.parse(process.env.SALLYPORT_STEPUP)
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'stepup' })

async function run() {
  const page = await newPage({ expected: [/401|403/] })
  const key = await device(page)
  await step('somebody signs in with a password, and enrols a passkey', async () => {
    await enter(page, given.user, given.password, '/passkeys')
    await page.getByLabel('Name of the new passkey').fill('laptop')
    await page.getByTestId('enrol').click()
    await page.getByText('The passkey is enrolled.').waitFor()
  })
  await glass(page, key)
  await step('another session has proved nothing', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
    await enter(page, given.user, given.password, '/approvals')
  })
  await bulk(page, key)
}

async function glass(page, key) {
  const broken = page.getByRole('dialog', { name: "Run it without anybody's consent?" })
  const status = () => page.getByTestId('request').getAttribute('data-status')
  const begin = async () => {
    await broken.getByTestId('glass-confirm').click()
    await asked(page).getByRole('button', { name: 'Use your passkey' }).waitFor()
  }
  await step('going on without consent asks for a passkey, and who gives none goes nowhere', async () => {
    await page.goto('/approvals')
    await page.getByTestId('requests').locator('a', { hasText: given.own }).click()
    await page.getByTestId('glass').click()
    await broken.getByText('It asks for your passkey.').waitFor()
    await broken.getByLabel(/^Reason/).fill('checkout is down')
    await begin()
    await shot(page, 'stepup-glass')
    assert.deepEqual(await audit(page), [])
    await asked(page).getByRole('button', { name: 'Cancel' }).click()
    await broken.getByRole('alert').filter({ hasText: 'It did not go on.' }).waitFor()
    assert.equal(await status(), 'pending')
  })
  await step('nor does who cannot unlock theirs', async () => {
    await key.unlock(false)
    await begin()
    await asked(page).getByRole('button', { name: 'Use your passkey' }).click()
    await asked(page).getByRole('alert').waitFor()
    assert.equal(await status(), 'pending')
  })
  await step('who does, goes on with what they began', async () => {
    await key.unlock(true)
    await asked(page).getByRole('button', { name: 'Use your passkey' }).click()
    await broken.waitFor({ state: 'hidden' })
    await page.getByTestId('request').getByText('broke the glass').waitFor()
    await page.getByTestId('request').getByText('checkout is down').first().waitFor()
  })
}

async function bulk(page, key) {
  const sent = []
  await page.route('**/api/v1/approvals/reviews', async (route) => {
    sent.push(route.request().postDataJSON())
    sent.at(-1).ids.sort() // the list is in the order in which they came
    await route.continue()
  })
  const outcomes = page.getByTestId('outcomes')
  await step('several reviews at once ask for a passkey once, and without it none counts', async () => {
    await page.getByLabel('All 2 that you may decide').check()
    await page.getByTestId('bulk').getByTestId('approve').click()
    await asked(page).getByRole('button', { name: 'Use your passkey' }).waitFor()
    await shot(page, 'stepup-bulk')
    await asked(page).getByRole('button', { name: 'Cancel' }).click()
    await outcomes.getByRole('heading', { name: '0 reviews counted, 2 did not' }).waitFor()
    assert.equal(await outcomes.locator('li', { hasText: 'passkey' }).count(), 2)
    assert.equal(sent.length, 1, 'nothing is tried again without a proof')
    await outcomes.getByRole('button', { name: 'Close' }).click()
  })
  await step('what did not count is still picked, and counts with it', async () => {
    await page.getByTestId('bulk').getByTestId('approve').click()
    await asked(page).getByRole('button', { name: 'Use your passkey' }).click()
    await outcomes.getByRole('heading', { name: '2 reviews counted' }).waitFor()
    for (const text of given.others) await outcomes.locator('li', { hasText: text }).getByText(/^(approved|used)$/).waitFor()
    assert.equal(sent.length, 3, 'each try is one request')
    assert.deepEqual(sent[2], sent[1], 'what is tried again is what was begun')
    assert.equal(sent[2].ids.length, 2)
  })
}
