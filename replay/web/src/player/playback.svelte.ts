// Playback is the clock of a player: where it is, how fast it goes, and what it skips. What is
// shown is a Source's business.

export interface Source {
  // advance shows everything up to a time, and returns how far it could.
  advance(to: number): number
  // next is the time of the first thing behind a time; undefined: not known (yet), or none.
  next(after: number): number | undefined
}

export const speeds = [0.25, 0.5, 1, 2, 4, 8, 16]

const idle = 2000 // milliseconds on the screen in which nothing happens, before it is skipped
const lead = 400 // of them are left before what comes next

export class Playback {
  at = $state(0) // milliseconds since the first entry
  playing = $state(false)
  speed = $state(1)
  skipping = $state(true)
  skipped = $state(0) // how much was skipped just now
  length = $state(0)

  source: Source | null = null
  onend: () => void = () => {}

  private frame = 0
  private then = 0
  private told: ReturnType<typeof setTimeout> | undefined

  toggle() {
    if (this.playing) this.pause()
    else this.play()
  }

  play() {
    if (this.playing) return
    this.playing = true
    this.then = performance.now()
    this.frame = requestAnimationFrame((now) => this.tick(now))
  }

  pause() {
    this.playing = false
    cancelAnimationFrame(this.frame)
  }

  faster(way: 1 | -1) {
    const i = speeds.indexOf(this.speed)
    this.speed = speeds[Math.max(0, Math.min(speeds.length - 1, i + way))] ?? 1
  }

  end() {
    this.pause()
    clearTimeout(this.told)
  }

  // tick is public so that tests need no clock of their own.
  tick(now: number) {
    if (!this.playing || !this.source) return
    // A window in the background gets no frames: what it missed is not caught up with.
    const passed = Math.max(0, Math.min(now - this.then, 250))
    this.then = now
    this.at = this.source.advance(this.to(this.at + passed * this.speed))
    if (this.at >= this.length) {
      this.pause()
      this.onend()
      return
    }
    this.frame = requestAnimationFrame((next) => this.tick(next))
  }

  // to is the time wanted, or a later one if nothing happens for long.
  private to(wanted: number): number {
    const next = this.skipping ? this.source?.next(this.at) : undefined
    if (next === undefined || next - wanted < idle * this.speed) return Math.min(wanted, this.length)
    const target = next - lead * this.speed
    this.skipped = target - this.at
    clearTimeout(this.told)
    this.told = setTimeout(() => (this.skipped = 0), 1500)
    return target
  }
}
