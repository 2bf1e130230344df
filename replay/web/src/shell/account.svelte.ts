import * as api from '../api/client'
import type { Me } from '../api/types'
import { goto, here } from './router.svelte'
import { inside } from './routes'

// Account is who is signed in, as far as the page knows; the server decides.
class Account {
  me = $state<Me | null>(null)

  async load() {
    try {
      this.me = await api.me()
    } catch (err) {
      this.refused(err)
    }
  }

  // refused leads to the sign-in page if that is what an error asks for, and says whether it did.
  refused(err: unknown): boolean {
    if (!(err instanceof api.Problem) || !err.unauthenticated) return false
    this.me = null
    if (here.route.page !== 'signin') {
      const next = inside(location.pathname + location.search, location.origin)
      goto('/signin' + (next === '/' ? '' : '?next=' + encodeURIComponent(next)), { replace: true })
    }
    return true
  }

  // signIn has somebody prove who they are, by whatever way.
  async signIn(prove: () => Promise<unknown>) {
    await prove()
    api.arrived()
    await this.load()
  }

  // present proves it with a token or a one-time code.
  present(token: string): Promise<unknown> {
    return api.signIn(token)
  }

  async signOut() {
    try {
      await api.signOut()
    } finally {
      this.me = null
      goto('/signin')
    }
  }
}

export const account = new Account()
