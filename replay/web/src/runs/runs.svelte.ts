import * as api from '../api/client'
import { account } from '../shell/account.svelte'
import type { Chain, Run, RunPage } from './types'

const pause = 4000

const listed = (agent: string, cursor: string, signal: AbortSignal) => api.get<RunPage>('/runs' + api.query({ agent, cursor, limit: 50 }), signal)

// Polled asks again and again while the page is looked at.
abstract class Polled {
  loaded = $state(false)
  problem = $state<api.Problem | null>(null)
  protected stop = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  protected abstract ask(signal: AbortSignal): Promise<boolean> // whether to ask again

  start() {
    this.end()
    this.stop = new AbortController()
    this.loaded = false
    void this.turn()
  }

  end() {
    this.stop.abort()
    clearTimeout(this.timer)
  }

  private async turn() {
    const { signal } = this.stop
    let again = true
    try {
      if (!this.loaded || !document.hidden) {
        again = await this.ask(signal)
        this.loaded = true
        this.problem = null
      }
    } catch (err) {
      if (api.aborted(err) || account.refused(err)) return
      this.problem = api.asProblem(err)
    }
    if (again && !signal.aborted) this.timer = setTimeout(() => void this.turn(), pause)
  }
}

// Runs is the newest runs of an agent (empty: of all), and as many older ones as were asked for.
export class Runs extends Polled {
  runs = $state.raw<Run[]>([])
  next = $state('')
  busy = $state(false)
  agent = ''

  protected async ask(signal: AbortSignal) {
    const page = await listed(this.agent, '', signal)
    const fresh = page.runs ?? []
    if (!this.loaded) {
      this.runs = fresh
      this.next = page.next
    } else {
      const known = new Set(fresh.map((r) => r.id))
      this.runs = [...fresh, ...this.runs.filter((r) => !known.has(r.id))]
    }
    return true
  }

  async more() {
    const { signal } = this.stop
    this.busy = true
    try {
      const older = await listed(this.agent, this.next, signal)
      this.runs = [...this.runs, ...(older.runs ?? [])]
      this.next = older.next
    } catch (err) {
      if (!api.aborted(err) && !account.refused(err)) this.problem = api.asProblem(err)
    } finally {
      this.busy = false
    }
  }
}

// OneRun is a run and what came of it, followed while a session of it is open or it is fresh.
export class OneRun extends Polled {
  chain = $state.raw<Chain | null>(null)
  private readonly id: string

  constructor(id: string) {
    super()
    this.id = id
  }

  protected async ask(signal: AbortSignal) {
    const chain = await api.get<Chain>('/runs/' + encodeURIComponent(this.id), signal)
    this.chain = chain
    return chain.tally.open > 0 || Date.now() - Date.parse(chain.last) < 10 * 60_000
  }
}
