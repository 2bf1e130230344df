import * as api from '../api/client'
import type { Session } from '../api/types'
import { account } from '../shell/account.svelte'

const page = 50
const pause = 2000

// List is the newest sessions that fit a filter, kept up to date, and as many older ones as were
// asked for.
export class List {
  sessions = $state.raw<Session[]>([])
  next = $state('')
  loaded = $state(false)
  busy = $state(false)
  problem = $state<api.Problem | null>(null)

  private filter: api.SessionFilter = { who: '', target: '', open: '' }
  private stop = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  start(filter: api.SessionFilter) {
    this.end()
    this.stop = new AbortController()
    this.filter = filter
    this.loaded = false
    void this.refresh(true)
  }

  end() {
    this.stop.abort()
    clearTimeout(this.timer)
  }

  async more() {
    const { signal } = this.stop
    this.busy = true
    try {
      const older = await api.sessions(this.filter, this.next, page, signal)
      this.sessions = merge(this.sessions, older.sessions ?? [])
      this.next = older.next
      this.problem = null
    } catch (err) {
      this.failed(err)
    } finally {
      this.busy = false
    }
  }

  // refresh reads the newest page again and again.
  private async refresh(first: boolean) {
    const { signal } = this.stop
    try {
      if (first || !document.hidden) {
        const newest = await api.sessions(this.filter, '', page, signal)
        const fresh = newest.sessions ?? []
        if (first) {
          this.sessions = fresh
          this.next = newest.next
        } else {
          const moved = await this.moved(fresh, signal)
          this.sessions = merge(moved, merge(fresh, this.sessions)).filter((s) => this.fits(s))
        }
        this.problem = null
        this.loaded = true
      }
    } catch (err) {
      this.failed(err)
    }
    if (!signal.aborted) this.timer = setTimeout(() => void this.refresh(first && !this.loaded), pause)
  }

  // moved asks for sessions that are listed as open, but are not on the newest page any more.
  private moved(fresh: Session[], signal: AbortSignal): Promise<Session[]> {
    const known = new Set(fresh.map((s) => s.id))
    const old = this.sessions.filter((s) => s.open && !known.has(s.id)).slice(0, 10)
    return Promise.all(old.map((s) => api.session(s.id, signal)))
  }

  private fits(session: Session): boolean {
    return this.filter.open === '' || String(session.open) === this.filter.open
  }

  private failed(err: unknown) {
    if (api.aborted(err) || account.refused(err)) return
    this.problem = api.asProblem(err)
  }
}

// merge joins two lists, newest first; of a session in both, the one of the first list stays.
function merge(a: Session[], b: Session[]): Session[] {
  const known = new Set(a.map((s) => s.id))
  return [...a, ...b.filter((s) => !known.has(s.id))].sort((x, y) => (x.opened < y.opened ? 1 : x.opened > y.opened ? -1 : 0))
}
