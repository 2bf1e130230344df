// What somebody does with the files that an scp moved (driver.mjs has the protocol). Environment, beside what every
// script takes:
//
//	SALLYPORT_SESSION   a session that wrote a file to its target
//	SALLYPORT_FILE      the name of it
//	SALLYPORT_DIGEST    SHA-256 of it, hexadecimal
//	SALLYPORT_SIZE      bytes of it
//	SALLYPORT_BACK      a session that read it
//	SALLYPORT_TOKEN     of somebody who may replay
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { audit, launch, overflow } from './browser.mjs'
import { step } from './driver.mjs'

const env = process.env
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'files' })

async function take(page, button) {
  const [file] = await Promise.all([page.waitForEvent('download'), button.click()])
  await page.locator('[data-testid=file-progress][data-state=saved]').waitFor()
  const content = await readFile(await file.path())
  assert.equal(content.length, Number(env.SALLYPORT_SIZE))
  assert.equal(createHash('sha256').update(content).digest('hex'), env.SALLYPORT_DIGEST)
  return file.suggestedFilename()
}

async function listed(page, session) {
  await page.goto('/sessions/' + session)
  await page.getByTestId('files').click()
  const one = page.getByTestId('file-list').locator('li', { hasText: env.SALLYPORT_FILE })
  await one.getByText(env.SALLYPORT_DIGEST).waitFor()
  return one
}

async function run() {
  const page = await newPage()
  await page.goto('/signin')
  await page.fill('#token', env.SALLYPORT_TOKEN)
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.pathname === '/')
  await step('what scp wrote is taken out of its recording', async () => {
    const one = await listed(page, env.SALLYPORT_SESSION)
    assert.equal(await take(page, one.getByRole('button', { name: 'Download what was written' })), env.SALLYPORT_FILE)
    assert.deepEqual(await audit(page), [], 'no violations')
  })
  await step('so is what scp read', async () => {
    const one = await listed(page, env.SALLYPORT_BACK)
    assert.equal(await take(page, one.getByRole('button', { name: 'Download what was read' })), env.SALLYPORT_FILE)
  })
  await step('who took it is told beside the recording', async () => {
    await page.reload()
    await page.getByRole('button', { name: 'People' }).click()
    await page.getByText('took a file out of it').waitFor()
  })
  const cookies = await page.context().cookies()
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await step(`${theme} at ${width} pixels`, async () => {
        const page = await newPage({ theme, width, cookies })
        const one = await listed(page, env.SALLYPORT_SESSION)
        await one.scrollIntoViewIfNeeded()
        await shot(page, `files-${theme}-${width}`)
        assert.deepEqual(await audit(page), [], 'no violations')
        assert.ok((await overflow(page)) <= 0, `the files fit ${width} pixels`)
        await page.context().close()
      })
    }
  }
}
