import * as api from '../api/client'
import type { Entry, PlayMessage } from '../api/types'
import { account } from '../shell/account.svelte'
import { isProblem } from './outcome'
import type { Recording } from './recording.svelte'
import { Timeline, type ByteChunk, type CommandStep, type RowChunk, type Step } from './timeline'

const page = 500 // entries of a request
const near = 2000 // entries up to the end that are streamed and not paged
const tail = 400 // entries shown of a long session that is watched live
const much = 16 << 20 // bytes of a session that are not streamed at once
const lead = 200 // entries loaded before a deep link
const keep = 20_000 // steps in memory

export type Connection = 'loading' | 'history' | 'paged' | 'live' | 'waiting' | 'ended'

// Player holds one session's steps: a window [low, high] of its entries that grows at both ends,
// and that follows the tail over the websocket once it is near.
export class Player {
  readonly id: string
  readonly recording: Recording
  readonly timeline = new Timeline()
  problem = $state.raw<api.Problem | null>(null)
  connection = $state<Connection>('loading')
  retryAt = $state(0)
  low = $state(1)
  high = $state(0)
  version = $state(0) // counts changes of the timeline that are ready to be shown
  busy = $state(false)

  private readonly stop = new AbortController()
  private socket: WebSocket | null = null
  private retries = 0
  private timers = new Set<ReturnType<typeof setTimeout>>()
  private drawing = false
  private asked = new Set<number>() // commands before the window that were looked up

  constructor(recording: Recording) {
    this.id = recording.id
    this.recording = recording
  }

  get session() {
    return this.recording.session
  }

  get last(): number {
    return Math.max(this.session?.last_number ?? 0, this.high)
  }

  get atEnd(): boolean {
    return this.high >= this.last
  }

  get open(): boolean {
    return this.session?.open ?? false
  }

  // start shows the session at an entry; 0 is its beginning, or its tail while it is open.
  async start(at: number) {
    this.problem = null
    await this.show(at)
  }

  // show makes sure that an entry is loaded.
  async show(at: number) {
    if (at > 0 && at >= this.low && at <= this.high) return
    const heavy = !this.open && (this.session?.bytes_out ?? 0) >= much
    let from = 1
    if (at > 0 && (heavy || this.last > near)) from = Math.max(1, at - lead)
    if (at === 0 && this.open && this.last > near) from = this.last - tail
    // A short way ahead the window grows; everything else starts it anew.
    if (at > this.high && at - this.high <= near && this.high > 0) {
      while (this.high < at && this.connection === 'paged') if (!(await this.forward())) break
      return
    }
    this.disconnect()
    this.timeline.clear()
    this.asked.clear()
    this.low = from
    this.high = from - 1
    this.connection = 'loading'
    if (!heavy && !api.exported() && this.last - from <= near) {
      this.connect()
      return
    }
    this.connection = 'paged'
    do {
      if (!(await this.forward())) break
    } while (this.high < at + 100 && this.connection === 'paged')
  }

  end() {
    this.stop.abort()
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
    this.disconnect()
  }

  // forward loads the next entries, and goes over to the websocket where the tail is near.
  async forward(): Promise<boolean> {
    if (this.busy || this.connection !== 'paged') return false
    this.busy = true
    try {
      const got = await api.entries(this.id, this.high + 1, page, this.stop.signal)
      this.take(got.entries ?? [])
      if (this.open && (got.next === 0 || this.last - this.high <= near)) this.connect()
      else if (got.next === 0) this.connection = 'ended'
      return (got.entries ?? []).length > 0
    } catch (err) {
      this.failed(err)
      return false
    } finally {
      this.busy = false
    }
  }

  async back(): Promise<boolean> {
    if (this.busy || this.low <= 1) return false
    this.busy = true
    try {
      const first = Math.max(1, this.low - page)
      // A page ends early when its entries are large.
      for (let from = first; from > 0 && from < this.low; ) {
        const got = await api.entries(this.id, from, this.low - from, this.stop.signal)
        this.timeline.apply(got.entries ?? [])
        from = got.next
      }
      this.low = first
      this.draw()
      return true
    } catch (err) {
      this.failed(err)
      return false
    } finally {
      this.busy = false
    }
  }

  // neighbour looks for the next step of a kind in a direction and loads what it has to.
  async neighbour(from: number, way: 1 | -1, wanted: (step: Step) => boolean): Promise<Step | undefined> {
    for (;;) {
      const steps = this.timeline.steps
      if (way > 0) {
        for (let i = this.timeline.after(from); i < steps.length; i++) if (wanted(steps[i]!)) return steps[i]
        if (this.connection !== 'paged' || !(await this.forward())) return undefined
      } else {
        for (let i = this.timeline.after(from) - 1; i >= 0; i--) if (steps[i]!.number < from && wanted(steps[i]!)) return steps[i]
        if (!(await this.back())) return undefined
      }
    }
  }

  nextProblem = (from: number) => this.neighbour(from, 1, isProblem)

  // restore fetches a payload that was let go.
  async restore(chunk: RowChunk | ByteChunk) {
    const got = await api.entries(this.id, chunk.number, 1, this.stop.signal)
    this.timeline.apply(got.entries ?? [])
    this.draw()
  }

  // whole fetches a command's full text, in pieces where it came in pieces.
  async whole(step: CommandStep): Promise<string> {
    const first = step.command?.text_first ?? 0
    if (!first) {
      const got = await api.entries(this.id, step.number, 1, this.stop.signal)
      const entry = got.entries?.[0]
      return entry?.kind === 'command' ? entry.text : ''
    }
    const texts: string[] = []
    for (let from = first; from > 0 && from < step.number; ) {
      const got: { entries: Entry[] | null; next: number } = await api.entries(this.id, from, Math.min(50, step.number - from), this.stop.signal)
      for (const entry of got.entries ?? []) {
        if (entry.kind !== 'text' || entry.first !== first || entry.parameter) continue
        texts.push(entry.text ?? '[bytes that are not text]')
      }
      from = got.next
    }
    return texts.join('')
  }

  private take(entries: Entry[]) {
    if (entries.length === 0) return
    this.timeline.apply(entries)
    this.high = Math.max(this.high, entries[entries.length - 1]?.number ?? 0)
    if (this.timeline.steps.length > keep * 1.25) this.low = Math.max(this.low, this.timeline.trim(keep))
    this.draw()
    for (const number of this.low > 1 ? this.timeline.missing() : []) void this.lookUp(number)
  }

  // lookUp fetches a command that began before the window.
  private async lookUp(number: number) {
    if (this.asked.has(number)) return
    this.asked.add(number)
    try {
      const got = await api.entries(this.id, number, 8, this.stop.signal)
      this.timeline.apply((got.entries ?? []).filter((e) => e.number === number || ('command' in e && e.command === number)))
      this.draw()
    } catch (err) {
      if (!api.aborted(err)) this.asked.delete(number)
    }
  }

  // draw shows changes: of the tail with the next frame, of history a few times a second.
  private draw() {
    if (this.drawing) return
    this.drawing = true
    const go = () => {
      this.drawing = false
      this.version++
    }
    if (this.connection !== 'live' || document.hidden) this.later(go, 60)
    else requestAnimationFrame(go)
  }

  private connect() {
    this.disconnect()
    if (this.stop.signal.aborted) return
    if (this.connection !== 'live') this.connection = 'history'
    const socket = new WebSocket(api.playLink(this.id, this.high + 1))
    this.socket = socket
    let over = false
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.socket !== socket) return
      this.retries = 0
      const message = JSON.parse(event.data) as PlayMessage
      switch (message.type) {
        case 'entries':
          return this.take(message.entries ?? [])
        case 'live':
          this.connection = 'live'
          return
        case 'end':
          over = true
          this.connection = 'ended'
          void this.recording.refresh()
          return
        case 'error':
          over = this.ended(new api.Problem(message.problem, message.problem.status ?? 500))
      }
    }
    socket.onclose = () => {
      if (this.socket !== socket) return
      this.socket = null
      if (!over && !this.stop.signal.aborted) this.retry()
    }
  }

  private retry() {
    const wait = Math.min(15_000, 500 * 2 ** this.retries++) * (0.8 + 0.4 * Math.random())
    this.connection = 'waiting'
    this.retryAt = Date.now() + wait
    this.later(() => void this.again(), wait)
  }

  // again goes on after the last number that arrived. A websocket does not say why it was refused,
  // so the question is asked by an ordinary request first.
  private async again() {
    if (this.connection !== 'waiting') return
    try {
      this.recording.session = await api.session(this.id, this.stop.signal)
      this.problem = null
    } catch (err) {
      if (api.asProblem(err).status === 0 && !api.aborted(err)) return this.retry()
      this.failed(err)
      return
    }
    this.connect()
  }

  private disconnect() {
    const socket = this.socket
    this.socket = null
    socket?.close()
  }

  // ended tells whether trying the websocket again is of no use.
  private ended(problem: api.Problem): boolean {
    if (!problem.unauthenticated && !['forbidden', 'not_found', 'invalid'].includes(problem.code)) return false
    this.connection = 'ended'
    this.failed(problem)
    return true
  }

  private failed(err: unknown) {
    if (api.aborted(err) || account.refused(err)) return
    this.problem = api.asProblem(err)
    if (this.connection === 'loading' || this.connection === 'history' || this.connection === 'waiting') this.connection = 'ended'
  }

  private later(what: () => void, wait: number) {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      what()
    }, wait)
    this.timers.add(timer)
  }
}
