import { aborted } from '../api/client'
import * as api from './api'
import type { Recording } from './recording.svelte'

const page = 200
const keep = 1500

// Moments is a window of what the list beside a recording shows. It grows at both ends, and begins
// anew where the player jumps to.
export class Moments {
  list = $state.raw<api.Moment[]>([])
  more = $state(0) // where to go on; 0: there is nothing more
  early = $state(false) // there is something before
  busy = $state(false)

  private readonly recording: Recording

  constructor(recording: Recording) {
    this.recording = recording
  }

  // show makes sure that a moment is in the window.
  async show(at: number) {
    const first = this.list[0]
    const last = this.list[this.list.length - 1]
    if (first && last && (at >= first.at_ms || !this.early) && (at <= last.at_ms || this.more === 0)) return
    if (first && last && at > last.at_ms && at - last.at_ms < 60_000) return this.forward()
    await this.load(async (signal) => {
      const got = await api.moments(this.recording.id, { at, limit: page }, signal)
      this.list = got.moments
      this.more = got.next
      this.early = (got.moments[0]?.number ?? 0) > 2
    })
    if (this.early && this.list.length < 20) await this.back()
  }

  async forward() {
    if (this.more === 0) return
    await this.load(async (signal) => {
      const got = await api.moments(this.recording.id, { from: this.more, limit: page }, signal)
      this.list = [...this.list, ...got.moments].slice(-keep)
      this.early = (this.list[0]?.number ?? 0) > 2
      this.more = got.next
    })
  }

  async back() {
    const first = this.list[0]
    if (!first || !this.early) return
    await this.load(async (signal) => {
      const got = await api.moments(this.recording.id, { before: first.number, limit: page }, signal)
      this.list = [...got.moments, ...this.list].slice(0, keep)
      this.early = got.moments.length === page
    })
  }

  // renew asks again for the end: what was under way may be done, and there may be more.
  async renew() {
    if (this.more !== 0) return
    const open = this.list.find((m, i) => !m.done && i > this.list.length - 50) ?? this.list[this.list.length - 1]
    await this.load(async (signal) => {
      const got = await api.moments(this.recording.id, { from: open?.number ?? 1, limit: page }, signal)
      this.list = [...this.list.filter((m) => m.number < (open?.number ?? 1)), ...got.moments].slice(-keep)
      this.more = got.next
    })
  }

  // neighbour finds the next moment in a direction that is more than a change of size.
  async neighbour(number: number, way: 1 | -1): Promise<api.Moment | undefined> {
    const place = way > 0 ? { from: number + 1, limit: 20 } : { before: number, limit: 20 }
    const got = await api.moments(this.recording.id, place, this.recording.signal)
    const wanted = got.moments.filter((m) => m.kind !== 'terminal' && m.kind !== 'notice')
    return way > 0 ? wanted[0] : wanted[wanted.length - 1]
  }

  private async load(what: (signal: AbortSignal) => Promise<void>) {
    if (this.busy) return
    this.busy = true
    try {
      await what(this.recording.signal)
    } catch (err) {
      if (!aborted(err)) this.more = 0 // the page itself tells what is wrong
    } finally {
      this.busy = false
    }
  }
}
