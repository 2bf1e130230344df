// What it costs to load a page with nothing in the cache: Web Vitals as the browser itself reports them
// (https://www.w3.org/TR/largest-contentful-paint/, https://www.w3.org/TR/layout-instability-1/,
// https://www.w3.org/TR/longtasks-1/), and the bytes that came over the network, compressed.
function observe() {
  const v = (window.vitals = { lcp: 0, cls: 0, tbt: 0 })
  const each = (type, f) => new PerformanceObserver((list) => list.getEntries().forEach(f)).observe({ type, buffered: true })
  each('largest-contentful-paint', (e) => (v.lcp = e.startTime))
  each('layout-shift', (e) => e.hadRecentInput || (v.cls += e.value))
  each('longtask', (e) => (v.tbt += Math.max(0, e.duration - 50)))
}

// vitals loads path in page, which was not used before, until ready is there and has been drawn, and returns
// milliseconds of lcp and tbt (which is counted to that moment), the sum of layout shifts, and bytes.
export async function vitals(page, path, ready) {
  await page.addInitScript(observe)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true })
  let bytes = 0
  cdp.on('Network.loadingFinished', (e) => (bytes += e.encodedDataLength))
  await page.goto(path)
  await page.locator(ready).first().waitFor()
  await page.waitForFunction(() => window.vitals.lcp > 0)
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  return { ...(await page.evaluate(() => window.vitals)), bytes }
}
