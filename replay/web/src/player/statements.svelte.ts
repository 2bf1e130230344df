import { tick } from 'svelte'
import * as api from './api'
import type { Source } from './playback.svelte'
import { Player } from './player.svelte'
import type { Recording } from './recording.svelte'
import type { Step } from './timeline'

// Statements is the stage of what is a list of statements: the place in it, and what follows it.
export class Statements implements Source {
  readonly recording: Recording
  readonly player: Player
  at = $state(0) // the entry that a link, a key or the time line asked for
  chosen = $state(0) // its step
  follow = $state(false)
  played = $state(false) // the clock moves, or moved, the place: what comes after it is dimmed
  reveal: (number: number) => Promise<void> = async () => {}

  constructor(recording: Recording) {
    this.recording = recording
    this.player = new Player(recording)
  }

  get connection() {
    return this.player.connection
  }

  get high(): number {
    return this.chosen || this.player.high
  }

  get low(): number {
    return this.player.low
  }

  end() {
    this.player.end()
  }

  async start(at: number) {
    this.at = at
    await this.player.start(at)
    if (at > 0) await this.arrive(at)
    else this.follow = this.player.open
  }

  time = (step: Step) => Math.max(0, step.at - this.recording.first)

  // arrive waits until an entry is loaded, and shows it.
  private async arrive(number: number) {
    for (;;) {
      await tick()
      if (number !== this.at) return
      const step = this.player.timeline.step(number)
      const arrived = this.player.high >= number || this.player.connection === 'ended' || this.player.connection === 'live'
      if (arrived && step) {
        this.chosen = step.number
        await this.reveal(step.number)
        return
      }
      if (this.player.problem || (arrived && !step)) return
      await new Promise((done) => setTimeout(done, 30))
    }
  }

  async seek(place: { at?: number; number?: number }): Promise<number> {
    this.follow = false
    let number = place.number ?? 0
    if (place.at !== undefined) {
      this.played = true
      number = await this.entryAt(place.at)
    } else this.played = false
    if (number < 1) number = 1
    this.at = number
    await this.player.show(number)
    await this.arrive(number)
    if (place.at !== undefined) return place.at
    const step = this.player.timeline.step(number)
    return step ? this.time(step) : 0
  }

  // entryAt finds the last step that began by a time.
  private async entryAt(at: number): Promise<number> {
    const here = this.stepAt(at)
    const steps = this.player.timeline.steps
    const whole = this.player.low === 1 || (steps[0] && this.time(steps[0]) <= at)
    const more = this.player.connection === 'paged' && here === steps[steps.length - 1]
    if (here && whole && !more) return here.number
    const got = await api.moments(this.recording.id, { at, limit: 1000 }, this.recording.signal)
    let found = got.moments[0]
    for (const m of got.moments) if (m.at_ms <= at) found = m
    return found?.number ?? 1
  }

  private stepAt(at: number): Step | undefined {
    const steps = this.player.timeline.steps
    let low = 0
    let high = steps.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.time(steps[middle]!) <= at) low = middle + 1
      else high = middle
    }
    return steps[low - 1]
  }

  advance(to: number): number {
    this.played = true
    this.follow = false
    const steps = this.player.timeline.steps
    const last = steps[steps.length - 1]
    if (this.player.connection === 'paged' && last && this.time(last) - to < 10_000) void this.player.forward()
    const waits = last && to > this.time(last) && (this.player.connection === 'paged' || this.player.connection === 'history' || this.player.connection === 'loading')
    const reached = waits ? this.time(last) : to
    const step = this.stepAt(reached)
    if (step && step.number !== this.chosen) {
      this.chosen = this.at = step.number
      void this.reveal(step.number)
    }
    return reached
  }

  next(after: number): number | undefined {
    const steps = this.player.timeline.steps
    const here = this.stepAt(after)
    const i = here ? this.player.timeline.after(here.number) : 0
    for (let j = i; j < steps.length; j++) {
      const at = this.time(steps[j]!)
      if (at > after) return at
    }
    return undefined
  }

  forward = () => this.step(1)
  back = () => this.step(-1)

  private async step(way: 1 | -1): Promise<number> {
    const step = await this.player.neighbour(this.chosen || (way > 0 ? 0 : this.player.high + 1), way, () => true)
    return step ? this.seek({ number: step.number }) : this.recording.index?.last_ms ?? 0
  }

  async live() {
    this.at = this.chosen = 0
    this.played = false
    if (this.player.connection === 'paged') await this.player.show(0)
    this.follow = true
    await tick()
    window.scrollTo(0, document.documentElement.scrollHeight)
  }
}
