import * as client from '../api/client'
import type { Hit, Session } from '../api/types'
import { account } from '../shell/account.svelte'
import * as api from './api'

// Recording is what is known of a session beside its entries: who and where, its index, and what
// others said about it. While the session is open it is asked for anew.
export class Recording {
  readonly id: string
  session = $state.raw<Session | null>(null)
  index = $state.raw<api.Index | null>(null)
  remarks = $state.raw<api.Remarks | null>(null)
  hits = $state.raw<Hit[]>([])
  problem = $state.raw<client.Problem | null>(null)

  private readonly stop = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(id: string) {
    this.id = id
  }

  get signal() {
    return this.stop.signal
  }

  get first(): number {
    return Date.parse(this.index?.first ?? this.session?.opened ?? '') || 0
  }

  // notes are annotations of entries, in order of time.
  get notes(): api.Annotation[] {
    return (this.remarks?.annotations ?? []).filter((a) => a.number > 0).toSorted((a, b) => a.at_ms - b.at_ms)
  }

  // start fetches the session; what else there is may come later.
  async start() {
    this.problem = null
    try {
      this.session = await client.session(this.id, this.signal)
    } catch (err) {
      if (!client.aborted(err) && !account.refused(err)) this.problem = client.asProblem(err)
      return
    }
    await Promise.all([this.look(), this.listen()])
    this.again()
  }

  end() {
    this.stop.abort()
    clearTimeout(this.timer)
  }

  private again() {
    clearTimeout(this.timer)
    if (this.signal.aborted || !this.session?.open) return
    this.timer = setTimeout(async () => {
      if (!document.hidden) {
        const was = this.session?.open
        await this.refresh()
        await Promise.all([this.look(), this.listen()])
        if (was && !this.session?.open) await this.look()
      }
      this.again()
    }, 3000)
  }

  async refresh() {
    try {
      this.session = await client.session(this.id, this.signal)
    } catch (err) {
      if (client.asProblem(err).unauthenticated) account.refused(err)
      // else the websocket tells
    }
  }

  // look fetches the index. Without one everything but the map of activity works.
  private async look() {
    try {
      this.index = await api.index(this.id, this.signal)
    } catch {
      // the player says so by showing no map
    }
  }

  async listen() {
    try {
      this.remarks = await api.remarks(this.id, this.signal)
    } catch {
      // nobody's remarks are shown
    }
  }

  async find(words: string) {
    if (!words.trim()) {
      this.hits = []
      return
    }
    const page = await api.find(this.id, words, this.signal)
    this.hits = (page.hits ?? []).toSorted((a, b) => a.number - b.number)
  }
}
