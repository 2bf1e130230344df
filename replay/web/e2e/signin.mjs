// Signing in, in a real Chromium, with real providers. Environment, beside what browser.mjs takes:
//
//	SALLYPORT_SIGNIN   JSON: {"user", "password"} of the built-in provider, {"oidc", "saml"}: titles of
//	                   providers whose user is "alice" with "password", "login": the address that
//	                   `sallyport login` shows, "code": the one that `sallyport login --device` does
import assert from 'node:assert/strict'
import { audit, launch, overflow } from './browser.mjs'
import { step, tell } from './driver.mjs'

const env = process.env
const given = JSON.parse(env.SALLYPORT_SIGNIN)
const { page: newPage, shot, perform } = await launch()
// Providers live elsewhere, and log what they like; without a session the app asks and is told 401.
const others = (fault) => !fault.startsWith('request to another host') && !/favicon|http:\/\/127\.0\.0\.1:\d+\/(dex|simplesaml)/.test(fault)

await perform(run, { name: 'signin', counts: others })

function fresh() {
  return newPage({ expected: [/401|429/] })
}

async function whoami(page) {
  return page.evaluate(async () => (await (await fetch('/api/v1/me')).json()).name)
}

async function run() {
  const page = await fresh()
  await step('the sign-in page offers every way, and breaks no rule of accessibility', async () => {
    await page.goto('/signin')
    await page.getByRole('link', { name: 'Sign in with ' + given.oidc }).waitFor()
    await page.getByRole('link', { name: 'Sign in with ' + given.saml }).waitFor()
    await page.getByLabel('Password').waitFor()
    await shot(page, 'signin-ways')
    assert.deepEqual(await audit(page), [])
    assert.ok((await overflow(page)) <= 0)
  })
  await step('a wrong password is refused', async () => {
    await page.fill('#user', given.user)
    await page.fill('#password', 'not the password')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('The name or the password is wrong.').waitFor()
  })
  await step('the right one signs in, and leads to where the person wanted', async () => {
    await page.goto('/search?q=kind:DROP')
    await page.waitForURL(/\/signin\?next=/)
    await page.fill('#user', given.user)
    await page.fill('#password', given.password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.waitForURL(/\/search\?q=kind/)
    assert.equal(await whoami(page), given.user)
    assert.equal(await page.evaluate(() => document.cookie), '', 'scripts must see no cookie')
  })
  await terminals(page)
  await step('an OpenID provider signs in', async () => {
    const p = await fresh()
    await p.goto('/signin?next=%2Fsearch')
    await p.getByRole('link', { name: 'Sign in with ' + given.oidc }).click()
    await p.fill('#login', 'alice@example.com')
    await p.fill('#password', 'password')
    await p.click('#submit-login')
    await p.waitForURL(env.SALLYPORT_URL + '/search')
    assert.equal(await whoami(p), 'alice@example.com')
    await p.context().close()
  })
  await step('a SAML provider signs in: its page posts, and the cookie comes along after all', async () => {
    const p = await fresh()
    await p.goto('/signin?next=%2Fsearch')
    await p.getByRole('link', { name: 'Sign in with ' + given.saml }).click()
    await p.fill('input[name=username]', 'alice')
    await p.fill('input[name=password]', 'password')
    await p.keyboard.press('Enter')
    await p.waitForURL(env.SALLYPORT_URL + '/search')
    assert.equal(await whoami(p), 'alice@example.com')
    await p.context().close()
  })
  await step('a provider that refuses is told of, once', async () => {
    const p = await fresh()
    await p.goto('/api/v1/identity/oidc/corp/callback?state=stolen&code=x')
    await p.getByRole('alert').getByText('was not begun in this browser').waitFor()
    await p.reload()
    await p.getByLabel('Password').waitFor()
    assert.equal(await p.getByRole('alert').count(), 0)
    await p.context().close()
  })
}

async function terminals(page) {
  await step('a terminal elsewhere is signed in by its code, after a question', async () => {
    await page.goto('/device?code=' + given.code)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByText('connected from').waitFor()
    await shot(page, 'signin-device')
    assert.deepEqual(await audit(page), [])
    await page.getByRole('button', { name: 'Sign it in' }).click()
    await page.getByText('The terminal is signed in.').waitFor()
  })
  await step('a terminal on this machine is signed in, after a question', async () => {
    await page.goto(given.login)
    await page.getByText('on this computer').waitFor()
    await page.getByRole('button', { name: 'Sign it in' }).click()
    await page.getByText('The terminal is signed in.').waitFor()
  })
}
