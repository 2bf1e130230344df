import * as api from '../api/client'
import type { Approval, ApprovalPage } from '../api/types'
import { account } from '../shell/account.svelte'

const pause = 2000
const most = 500

// Inbox is the requests of one status, kept up to date while somebody looks.
export class Inbox {
  requests = $state.raw<Approval[]>([])
  more = $state(false)
  loaded = $state(false)
  problem = $state<api.Problem | null>(null)

  private status = ''
  private target = ''
  private stop = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  start(status: string, target: string) {
    this.end()
    this.stop = new AbortController()
    this.status = status
    this.target = target
    this.loaded = false
    this.requests = []
    void this.follow(this.stop.signal)
  }

  end() {
    this.stop.abort()
    clearTimeout(this.timer)
  }

  // refresh reads the list now; what was just decided must not wait for the next round.
  refresh = () => this.read(this.stop.signal)

  private async follow(signal: AbortSignal) {
    if (!this.loaded || !document.hidden) await this.read(signal)
    if (!signal.aborted) this.timer = setTimeout(() => void this.follow(signal), pause)
  }

  private async read(signal: AbortSignal) {
    try {
      const page = await api.approvals(this.status, this.target, most, signal)
      this.requests = page.approvals ?? []
      this.more = page.more
      if (!this.target) waiting.take(this.status, page)
      this.loaded = true
      this.problem = null
    } catch (err) {
      if (api.aborted(err) || account.refused(err)) return
      this.problem = api.asProblem(err)
    }
  }
}

// Waiting is how much waits for whoever is signed in: requests, and what ran without consent and is to be reviewed
// afterwards. The navigation shows it.
class Waiting {
  requests = $state(0)
  afterwards = $state(0)
  more = $state(false)

  get count() {
    return this.requests + this.afterwards
  }

  // take counts what a list of a status says; lists of other statuses say nothing of it.
  take(status: string, page: ApprovalPage) {
    const mine = (page.approvals ?? []).filter((a) => a.may_review).length
    if (status === 'pending') {
      this.requests = mine
      this.more = page.more
    } else if (status === 'unreviewed') {
      this.afterwards = mine
      this.more ||= page.more
    }
  }

  async read() {
    if (document.hidden || !account.me) return
    try {
      for (const status of ['pending', 'unreviewed']) this.take(status, await api.approvals(status, '', 100))
    } catch (err) {
      // A number beside a link is not worth a message; the page itself says what is wrong.
      account.refused(err)
    }
  }
}

export const waiting = new Waiting()
