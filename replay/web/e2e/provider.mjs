// One OpenID provider, in a real Chromium: signing in, its keys changing, its being out, and what it must not do.
// Environment, beside what browser.mjs takes:
//
//	SALLYPORT_PROVIDER  JSON: {"title", "name"}: of the provider, with npm's oidc-provider's pages; {"code"}: the one
//	                    that `sallyport login --device` shows
//
// The driver answers {"ask":"start"} (its text: alice's group), "stop", "rotate", and "session": a session that was
// opened before goes on.
import assert from 'node:assert/strict'
import { launch } from './browser.mjs'
import { ask, step } from './driver.mjs'

const env = process.env
const given = JSON.parse(env.SALLYPORT_PROVIDER)
const { page: newPage, perform } = await launch()
const host = new URL(env.SALLYPORT_URL).host
// The provider lives elsewhere, and its pages want a font from further away, which they do not get.
const others = (fault) => !fault.startsWith('request to another host') && (fault.startsWith('exception') || fault.includes(host))

await perform(run, { name: 'provider', counts: others })

async function fresh() {
  const page = await newPage({ expected: [/401|favicon/] })
  await page.context().route((url) => url.hostname !== '127.0.0.1', (route) => route.abort())
  return page
}

async function me(page) {
  return page.evaluate(async () => (await fetch('/api/v1/me')).json())
}

async function refresh(page) {
  return page.evaluate(async () => (await fetch('/api/v1/signin/refresh', { method: 'POST', headers: { 'X-Sallyport': '1' } })).status)
}

async function leave(page) {
  await page.goto('/signin?next=%2Fsearch')
  await page.getByRole('link', { name: 'Sign in with ' + given.title }).click()
}

async function atProvider(page, who) {
  await page.fill('input[name=login]', who)
  await page.fill('input[name=password]', 'anything')
  await page.getByRole('button', { name: 'Sign-in' }).click()
  await page.getByRole('button', { name: 'Continue' }).waitFor()
}

async function signIn(who) {
  const page = await fresh()
  await leave(page)
  await atProvider(page, who)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.waitForURL(env.SALLYPORT_URL + '/search')
  return page
}

async function told(page, what) {
  await page.getByRole('alert').getByText(what).waitFor()
  assert.equal((await me(page)).name, undefined)
  await page.context().close()
}

async function run() {
  await step('before the provider is there, the person is told', async () => {
    const page = await fresh()
    await leave(page)
    await told(page, 'cannot be reached')
  })
  await ask('start', { text: 'eng' })
  const alice = await step('signing in: its page, consent, and back', async () => {
    const page = await signIn('alice@example.com')
    const who = await me(page)
    assert.equal(who.name, 'alice@example.com')
    assert.deepEqual(who.groups, ['eng', 'oncall'])
    assert.equal(await page.evaluate(() => document.cookie), '', 'scripts must see no cookie')
    return page
  })
  await step('consent that is not given signs nobody in', async () => {
    const page = await fresh()
    await leave(page)
    await atProvider(page, 'alice@example.com')
    await page.getByText('Cancel').click()
    await told(page, 'the provider refused: access_denied')
  })
  await step('an address that it has not verified signs nobody in', async () => {
    const page = await fresh()
    await leave(page)
    await atProvider(page, 'unverified@example.com')
    await page.getByRole('button', { name: 'Continue' }).click()
    await told(page, 'not verified your e-mail address')
  })
  await step('a terminal elsewhere is signed in by somebody who signs in on the way', async () => {
    const page = await fresh()
    await page.goto('/device?code=' + given.code)
    await page.getByRole('link', { name: 'Sign in with ' + given.title }).click()
    await atProvider(page, 'alice@example.com')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(env.SALLYPORT_URL + '/device*')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('button', { name: 'Sign it in' }).click()
    await page.getByText('The terminal is signed in.').waitFor()
    await page.context().close()
  })
  await ask('rotate')
  await step('with new keys, signing in and being asked again both work', async () => {
    const page = await signIn('alice@example.com')
    assert.equal(await refresh(alice), 204)
    assert.equal((await me(alice)).name, 'alice@example.com')
    await page.context().close()
  })
  await ask('stop')
  await step('while the provider is out, who is signed in stays so', async () => {
    assert.equal(await refresh(alice), 204)
    assert.equal((await me(alice)).name, 'alice@example.com')
    await ask('session')
  })
  await step('while the provider is out, nobody new is signed in, and is told', async () => {
    const page = await fresh()
    await leave(page)
    await told(page, 'cannot be reached')
  })
  await ask('start', { text: 'dba' })
  await step('it comes back with other groups, and knows nobody whom it vouched for', async () => {
    const page = await signIn('alice@example.com')
    assert.deepEqual((await me(page)).groups, ['dba', 'oncall'])
    await page.context().close()
    assert.equal(await refresh(alice), 401)
    assert.equal((await me(alice)).name, undefined)
  })
}
