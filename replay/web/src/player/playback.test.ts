import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Playback, type Source } from './playback.svelte'

// events is a recording in which something happens at some times.
function events(times: number[], loaded = Infinity): Source & { shown: number } {
  return {
    shown: 0,
    advance(to) {
      this.shown = Math.min(to, loaded)
      return this.shown
    },
    next: (after) => times.find((t) => t > after),
  }
}

describe('Playback', () => {
  let now = 0
  beforeEach(() => {
    now = 1000
    vi.stubGlobal('requestAnimationFrame', () => 1)
    vi.stubGlobal('cancelAnimationFrame', () => {})
    vi.spyOn(performance, 'now').mockImplementation(() => now)
  })

  const playing = (source: Source, change: (p: Playback) => void = () => {}) => {
    const p = new Playback()
    p.source = source
    p.length = 600_000
    p.skipping = false
    change(p)
    p.play()
    return p
  }
  const pass = (p: Playback, ms: number) => {
    for (; ms > 0; ms -= 20) p.tick((now += 20))
  }

  it('goes at its speed', () => {
    const p = playing(events([]), (p) => (p.speed = 4))
    pass(p, 1000)
    expect(p.at).toBe(4000)
  })
  it('skips what is idle, but not what comes before', () => {
    const p = playing(events([100_000]), (p) => (p.skipping = true))
    pass(p, 20)
    expect(p.at).toBe(100_000 - 400)
    pass(p, 400)
    expect(p.at).toBe(100_000)
  })
  it('waits for what has not arrived', () => {
    const p = playing(events([], 500))
    pass(p, 2000)
    expect(p.at).toBe(500)
    expect(p.playing).toBe(true)
  })
  it('does not catch up with what a hidden window missed', () => {
    const p = playing(events([]))
    p.tick((now += 60_000))
    expect(p.at).toBe(250)
  })
  it('ends at the end', () => {
    const end = vi.fn()
    const p = playing(events([]), (p) => ((p.length = 100), (p.onend = end)))
    pass(p, 200)
    expect([p.at, p.playing]).toEqual([100, false])
    expect(end).toHaveBeenCalledOnce()
  })
})
