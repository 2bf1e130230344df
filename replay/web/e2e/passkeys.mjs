// Passkeys in a real Chromium, with its own authenticator (WebAuthn.addVirtualAuthenticator of the DevTools
// protocol). Environment:
//
//	SALLYPORT_URL       the server, under a name: http://localhost:7080
//	SALLYPORT_PASSKEYS  JSON: {"user", "password"} of a reviewer, {"request"}: id of a request whose approval needs a passkey
//	SALLYPORT_SHOTS, SALLYPORT_CHROMIUM, SALLYPORT_TIMEOUT as for run.mjs
import assert from 'node:assert/strict'
import { device, enter } from './authenticator.mjs'
import { audit, launch, overflow } from './browser.mjs'
import { step, tell } from './driver.mjs'

const env = process.env
const given = JSON.parse(env.SALLYPORT_PASSKEYS)
const timeout = Number(env.SALLYPORT_TIMEOUT) || 15_000
const { browser, faults, page: newPage, shot } = await launch({ url: env.SALLYPORT_URL, shots: env.SALLYPORT_SHOTS, timeout })

try {
  await run()
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

async function run() {
  const page = await newPage({ expected: [/401|403/] })
  const key = await device(page)
  const request = '/approvals/' + given.request
  await step('somebody signs in with a password, and has no passkey', async () => {
    await enter(page, given.user, given.password)
  })
  await step('approving asks for one, and says where to enrol it', async () => {
    await page.goto(request)
    await page.getByTestId('approve').click()
    const dialog = page.getByRole('dialog', { name: 'Is it you?' })
    await dialog.getByText('you have none yet').waitFor()
    await dialog.getByRole('link', { name: 'Enrol one' }).click()
    await page.getByText('No passkey yet').waitFor()
    assert.deepEqual(await audit(page), [])
    assert.ok((await overflow(page)) <= 0)
  })
  await step('a passkey is enrolled, and gets another name', async () => {
    await page.getByLabel('Name of the new passkey').fill('laptop')
    await page.getByTestId('enrol').click()
    await page.getByText('The passkey is enrolled.').waitFor()
    const list = page.getByTestId('passkeys')
    await list.getByRole('button', { name: 'Rename laptop' }).click()
    await page.getByLabel('New name').fill('work laptop')
    await page.getByRole('button', { name: 'Save' }).click()
    await list.getByText('work laptop').waitFor()
    await shot(page, 'passkeys')
    assert.deepEqual(await audit(page), [])
  })
  await step('who does not unlock it approves nothing', async () => {
    await key.unlock(false)
    await page.goto(request)
    await page.getByTestId('approve').click()
    const dialog = page.getByRole('dialog', { name: 'Is it you?' })
    await dialog.getByRole('button', { name: 'Use your passkey' }).click()
    await dialog.getByRole('alert').waitFor()
    await shot(page, 'passkey-prove')
    assert.deepEqual(await audit(page), [])
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('The review did not count.').waitFor()
    assert.equal(await page.getByTestId('request').getAttribute('data-status'), 'pending')
  })
  await step('who does, approves', async () => {
    await key.unlock(true)
    await page.getByTestId('approve').click()
    await page.getByRole('button', { name: 'Use your passkey' }).click()
    await page.waitForFunction(() => document.querySelector('[data-testid=request]')?.dataset.status !== 'pending')
    assert.match(await page.getByTestId('request').getAttribute('data-status'), /approved|used/)
  })
  await step('and signs in without a password', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.waitForURL(env.SALLYPORT_URL + '/')
    const me = await page.evaluate(async () => (await fetch('/api/v1/me')).json())
    assert.equal(me.name, given.user)
    assert.ok(me.proven_until, 'it counts as proved')
  })
  await step('the sign-in page breaks no rule of accessibility', async () => {
    const other = await newPage({ expected: [/401/] })
    await other.goto('/signin')
    await other.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
    assert.deepEqual(await audit(other), [])
    await other.context().close()
  })
  await step('a passkey is removed', async () => {
    await page.goto('/passkeys')
    await page.getByRole('button', { name: 'Remove work laptop' }).click()
    await page.getByText('No passkey yet').waitFor()
  })
}
