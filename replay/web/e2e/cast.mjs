// asciinema's own player, which is npm's asciinema-player, in a real Chromium: it plays a terminal that was exported.
// Environment, beside what browser.mjs takes (the server has at / a page with the player's bundle, at /cast the export):
//
//	SALLYPORT_EXPECT  JSON: {"seconds", "screens": [{"at", "columns", "rows", "lines"}], "end": {"columns", "rows", "lines"}}:
//	                  how long the export is, what is on the screen that many seconds after its start, and what at its end
import assert from 'node:assert/strict'
import { launch } from './browser.mjs'
import { step } from './driver.mjs'

const expected = JSON.parse(process.env.SALLYPORT_EXPECT)
const { page: newPage, shot, perform } = await launch()

await perform(run, { name: 'cast' })

async function run() {
  const page = await newPage()
  await page.goto('/')
  await step('the player takes the export in', async () => {
    const seconds = await page.waitForFunction(load).then((handle) => handle.jsonValue())
    assert.ok(Math.abs(seconds - expected.seconds) < 0.1, `it is ${expected.seconds} s, and has ${seconds} s in the player`)
  })
  // Back and forth: sizes must be right after a seek, too.
  for (const { at, ...screen } of [...expected.screens, ...[...expected.screens].reverse()]) {
    await step(`${screen.columns}x${screen.rows} at ${at} s`, async () => {
      await page.waitForFunction((to) => window.player.seek(to).then(() => true), at)
      await shows(page, screen)
      await shot(page, `cast-${screen.columns}x${screen.rows}`)
    })
  }
  await step('played from there to its end', async () => {
    await page.waitForFunction(toEnd)
    await shows(page, expected.end)
  })
}

// load gives the player the export, and returns how many seconds it takes it to be.
async function load() {
  const player = (window.player = window.AsciinemaPlayer.create('/cast', document.body, { preload: true, idleTimeLimit: 1e6, speed: 8 }))
  window.ended = new Promise((done) => player.addEventListener('ended', done))
  await player.seek(0)
  return player.getDuration()
}

async function toEnd() {
  await window.player.play()
  await window.ended
  return true
}

// drawn is what the player has on its screen.
function drawn() {
  const terminal = document.querySelector('.ap-term')
  const size = (name) => Number(getComputedStyle(terminal).getPropertyValue(name))
  const lines = [...terminal.querySelectorAll('.ap-line')].map((line) => line.textContent.trimEnd())
  return { columns: size('--term-cols'), rows: size('--term-rows'), lines }
}

async function shows(page, want) {
  await page.addScriptTag({ content: `window.drawn = ${drawn}` })
  const same = page.waitForFunction((text) => JSON.stringify(window.drawn()) === text, JSON.stringify(want))
  await same.catch(async (err) => {
    assert.deepEqual(await page.evaluate(drawn), want)
    throw err
  })
}
