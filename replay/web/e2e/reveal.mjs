// What somebody whom masks except sees of a recording that they hide, and what others do not (driver.mjs has the
// protocol). Environment, beside what every script takes:
//
//	SALLYPORT_SESSION   a session that showed SALLYPORT_VALUE to an excepted person
//	SALLYPORT_PLACE     where, as the page says it
//	SALLYPORT_ERROR     what else an error showed; empty: there was none
//	SALLYPORT_TOKEN     of somebody excepted
//	SALLYPORT_GUEST     of somebody who is not
//	SALLYPORT_REASON    what to say
import assert from 'node:assert/strict'
import { audit, launch } from './browser.mjs'
import { step } from './driver.mjs'

const env = process.env
const { page: newPage, shot, perform } = await launch()

await perform(
  async () => {
    await excepted(await signIn(env.SALLYPORT_TOKEN))
    await other(await signIn(env.SALLYPORT_GUEST, [/403 .*\/reveal/]))
  },
  { name: 'reveal' },
)

async function signIn(token, expected = []) {
  const page = await newPage({ expected })
  await page.goto('/signin?next=' + encodeURIComponent('/sessions/' + env.SALLYPORT_SESSION))
  await page.fill('#token', token)
  await page.keyboard.press('Enter')
  await page.getByTestId('reveal').first().waitFor()
  assert.ok(!(await page.content()).includes(env.SALLYPORT_VALUE), 'the page does not hold the value')
  return page
}

async function ask(page, button) {
  await button.click()
  const dialog = page.getByRole('dialog')
  assert.ok(await dialog.getByTestId('reveal-confirm').isDisabled(), 'no reason, nothing revealed')
  await dialog.getByLabel('Reason').fill(env.SALLYPORT_REASON)
  await dialog.getByTestId('reveal-confirm').click()
}

async function excepted(page) {
  await step('a reason reveals the values of a command', async () => {
    await ask(page, page.getByTestId('reveal').first())
    const table = page.getByTestId('revealed')
    await table.getByText(env.SALLYPORT_VALUE, { exact: true }).waitFor()
    assert.match((await table.textContent()).replace(/\s+/g, ' '), new RegExp(env.SALLYPORT_PLACE))
    await shot(page, 'revealed')
    assert.deepEqual(await audit(page), [], 'no violations')
  })
  await step('it goes when it is hidden, and does not come back by itself', async () => {
    await page.getByTestId('reveal-hide').click()
    assert.equal(await page.getByTestId('revealed').count(), 0)
    await page.reload()
    await page.getByTestId('reveal').first().waitFor()
    assert.ok(!(await page.content()).includes(env.SALLYPORT_VALUE), 'the page does not hold the value')
  })
  if (env.SALLYPORT_ERROR) {
    await step('an error is revealed too', async () => {
      await ask(page, page.getByTestId('reveal').last())
      await page.getByTestId('revealed').getByText(env.SALLYPORT_ERROR).waitFor()
    })
  }
  await step('who revealed what, and why, is told beside the recording', async () => {
    await page.reload()
    await page.getByRole('button', { name: 'People' }).click()
    await page.getByText(env.SALLYPORT_REASON).first().waitFor()
  })
}

async function other(page) {
  await step('somebody whom no mask excepts is told so', async () => {
    await ask(page, page.getByTestId('reveal').first())
    await page.getByRole('alert').getByText('not excepted').waitFor()
    assert.ok(!(await page.content()).includes(env.SALLYPORT_VALUE), 'the page does not hold the value')
  })
}
