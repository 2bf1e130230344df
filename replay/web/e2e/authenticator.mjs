// An authenticator in a real Chromium (WebAuthn.addVirtualAuthenticator of the DevTools protocol), and what people do
// with it.

// device is an authenticator that is in this computer, and unlocked by its owner.
export async function device(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  return { unlock: (yes) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: yes }) }
}

// enter signs somebody in with a password, and goes to an address of the app.
export async function enter(page, user, password, next = '/') {
  await page.goto('/signin?next=' + encodeURIComponent(next))
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.waitForURL((url) => url.pathname === next.split('?')[0])
}

// asked is the question whether it is really them.
export const asked = (page) => page.getByRole('dialog', { name: 'Is it you?' })
