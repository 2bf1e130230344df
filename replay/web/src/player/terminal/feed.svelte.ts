import * as client from '../../api/client'
import type { Entry, PlayMessage } from '../../api/types'
import { account } from '../../shell/account.svelte'
import * as api from '../api'
import { fromBase64 } from '../base64'
import type { Source } from '../playback.svelte'
import type { Recording } from '../recording.svelte'
import { bytesOf, Emulator } from './emulator'

const page = 500 // entries of a request
const low = 250 // entries in stock below which the next page is fetched
const steps = 2000 // outputs that stepping back remembers

export type Connection = 'loading' | 'ready' | 'live' | 'waiting' | 'ended'

// Feed writes a recording to terminals: from the last keyframe before a moment on, entry by entry.
// At the tail of an open session entries come over the websocket instead.
//
//	seek ──> keyframe ──> entries up to the moment ──> shown │ stock ──> advance ──> shown
//	live ──> keyframe of the end ──> websocket from there ─────────────────────────> shown
export class Feed implements Source {
  readonly recording: Recording
  connection = $state<Connection>('loading')
  problem = $state.raw<client.Problem | null>(null)
  current = $state.raw<Emulator | null>(null) // the terminal written last
  version = $state(0) // counts writes that are on the screen
  high = $state(0) // last entry shown
  low = $state(0) // first entry shown since the keyframe
  at = 0 // its time
  command = $state(0)
  typed = $state('') // what was typed last, as far as it was recorded
  outputs: { number: number; at: number }[] = []
  onlive: (at: number) => void = () => {}

  private terminals = new Map<number, Emulator>()
  private coming: Emulator | null = null // what current is, or will be once a seek has arrived
  private gone: Emulator[] = [] // to be let go then
  private seeking = false
  private stock: Entry[] = []
  private from = 1 // next entry to fetch; 0: there is none
  private fetching: Promise<void> | null = null
  private turn = 0 // of the last seek
  private socket: WebSocket | null = null
  private retries = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private drawing = false

  constructor(recording: Recording) {
    this.recording = recording
  }

  end() {
    this.turn++
    this.leave()
    for (const one of [...this.terminals.values(), ...this.gone]) one.dispose()
  }

  private time(entry: { at: string }): number {
    return Date.parse(entry.at) - this.recording.first
  }

  // seek shows the screen as it was at a moment.
  async seek(place: { at?: number; number?: number }): Promise<number> {
    const turn = ++this.turn
    this.leave()
    this.connection = 'loading'
    this.problem = null
    try {
      const frame = await api.keyframe(this.recording.id, place, this.recording.signal)
      if (turn !== this.turn) return this.at
      this.begin(frame)
      const reached = (e: Entry) => (place.number ? e.number > place.number : this.time(e) > (place.at ?? 0))
      for (;;) {
        while (this.stock.length > 0 && !reached(this.stock[0]!)) this.show(this.stock.shift()!)
        if (this.stock.length > 0 || this.from === 0) break
        await this.fetch()
        if (turn !== this.turn) return this.at
      }
      await Promise.all([...this.terminals.values()].map((one) => one.settled()))
      if (turn !== this.turn) return this.at
      this.arrive()
    } catch (err) {
      if (turn === this.turn) this.failed(err)
    }
    return this.at
  }

  // live goes to the end of an open session and stays there. Nothing between is left out: the
  // keyframe has what came before it.
  async live() {
    await this.seek({ number: Number.MAX_SAFE_INTEGER })
    if (this.connection !== 'ready') return
    if (this.recording.session?.open) this.connect()
  }

  // arrive shows what a seek made: until then the screen stays as it was, and does not flicker.
  private arrive() {
    this.seeking = false
    this.current = this.coming
    this.connection = 'ready'
    this.draw()
    for (const one of this.gone.splice(0)) if (one !== this.current) one.dispose()
  }

  private begin(frame: api.Keyframe) {
    this.gone.push(...this.terminals.values())
    this.terminals.clear()
    this.stock = []
    this.outputs = []
    this.typed = ''
    this.coming = null
    this.seeking = true
    for (const shot of frame.terminals) {
      const one = new Emulator(shot.columns, shot.rows)
      one.write(fromBase64(shot.drawing))
      this.terminals.set(shot.command, one)
      if (shot.command === frame.current) this.turnTo(shot.command, one)
    }
    this.from = frame.number + 1
    this.high = frame.number
    this.low = this.from
    this.at = frame.at_ms
  }

  private turnTo(command: number, one: Emulator) {
    this.command = command
    this.coming = one
    if (!this.seeking) this.current = one
  }

  private async fetch() {
    this.fetching ??= this.more().finally(() => (this.fetching = null))
    return this.fetching
  }

  private async more() {
    const turn = this.turn
    const got = await client.entries(this.recording.id, this.from, page, this.recording.signal)
    if (turn !== this.turn) return
    this.stock.push(...(got.entries ?? []))
    this.from = got.next
  }

  advance(to: number): number {
    while (this.stock.length > 0 && this.time(this.stock[0]!) <= to) this.show(this.stock.shift()!)
    if (this.stock.length < low && this.from > 0 && !this.fetching) void this.fetch().catch((err) => this.failed(err))
    // What has not arrived cannot be shown: the clock waits.
    return this.stock.length === 0 && this.from > 0 ? Math.max(this.at, Math.min(to, this.at + 50)) : to
  }

  next(after: number): number | undefined {
    for (const entry of this.stock) {
      if (!moves(entry)) continue
      const at = this.time(entry)
      if (at > after) return at
    }
    return undefined
  }

  // forward shows the next output and returns its time.
  async forward(): Promise<number> {
    for (;;) {
      while (this.stock.length > 0) {
        const entry = this.stock.shift()!
        this.show(entry)
        if (entry.kind === 'bytes' && entry.channel !== 'in') return this.at
      }
      if (this.from === 0) return this.at
      await this.fetch()
    }
  }

  // back shows the screen before the last output.
  async back(): Promise<number> {
    const last = this.outputs.pop()
    const before = last ? last.number - 1 : this.high - 1
    return before > 0 ? this.seek({ number: before }) : this.at
  }

  private show(entry: Entry) {
    this.high = entry.number
    this.at = Math.max(this.at, this.time(entry))
    switch (entry.kind) {
      case 'terminal': {
        const known = this.terminals.get(entry.command)
        if (known) known.resize(entry.columns, entry.rows)
        else {
          const one = new Emulator(entry.columns, entry.rows)
          this.terminals.set(entry.command, one)
          this.turnTo(entry.command, one)
        }
        this.draw()
        return
      }
      case 'bytes': {
        const one = this.terminals.get(entry.command)
        if (!one) return
        if (entry.channel === 'in') {
          this.typed = (this.typed + (entry.text ?? '')).slice(-60)
          return
        }
        if (this.coming !== one) this.turnTo(entry.command, one)
        this.outputs.push({ number: entry.number, at: this.at })
        if (this.outputs.length > steps) this.outputs.splice(0, steps / 2)
        one.write(bytesOf(entry), () => this.draw())
        return
      }
      case 'result':
        if (this.terminals.get(entry.command) !== this.coming) this.terminals.get(entry.command)?.dispose()
        this.terminals.delete(entry.command)
    }
  }

  // draw lets the screen be drawn with the next frame.
  private draw() {
    if (this.drawing) return
    this.drawing = true
    requestAnimationFrame(() => {
      this.drawing = false
      this.version++
    })
  }

  private leave() {
    const socket = this.socket
    this.socket = null
    clearTimeout(this.timer)
    socket?.close()
  }

  private connect() {
    this.leave()
    const turn = this.turn
    const socket = new WebSocket(client.playLink(this.recording.id, this.high + 1))
    this.socket = socket
    let over = false
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.socket !== socket || turn !== this.turn) return
      this.retries = 0
      const message = JSON.parse(event.data) as PlayMessage
      switch (message.type) {
        case 'entries':
          for (const entry of message.entries ?? []) this.show(entry)
          this.onlive(this.at)
          return
        case 'live':
          this.connection = 'live'
          return
        case 'end':
          over = true
          this.connection = 'ended'
          void this.recording.refresh()
          return
        case 'error':
          over = true
          this.failed(new client.Problem(message.problem, message.problem.status ?? 500))
      }
    }
    socket.onclose = () => {
      if (this.socket !== socket) return
      this.socket = null
      if (over || turn !== this.turn) return
      const wait = Math.min(15_000, 500 * 2 ** this.retries++)
      this.connection = 'waiting'
      this.timer = setTimeout(() => void this.again(turn), wait)
    }
  }

  // again goes on after the last entry that arrived.
  private async again(turn: number) {
    if (turn !== this.turn) return
    await this.recording.refresh()
    if (turn === this.turn) this.connect()
  }

  private failed(err: unknown) {
    if (client.aborted(err) || account.refused(err)) return
    this.problem = client.asProblem(err)
    this.connection = 'ended'
  }
}

// moves tells whether somebody who watches would see, or want to see, that something happens.
const moves = (entry: Entry) => entry.kind === 'bytes' || entry.kind === 'command' || entry.kind === 'terminal' || entry.kind === 'closed'
