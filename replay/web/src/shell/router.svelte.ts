// The routes of the app are paths; links are plain <a href>.

import { routeOf } from './routes'

class Location {
  path = $state(location.pathname)
  params = $state.raw(new URLSearchParams(location.search))
  route = $derived(routeOf(this.path))

  read() {
    this.path = location.pathname
    this.params = new URLSearchParams(location.search)
  }

  param(name: string): string {
    return this.params.get(name) ?? ''
  }
}

export const here = new Location()

export function goto(href: string, how: { replace?: boolean } = {}) {
  const before = here.path
  if (how.replace) history.replaceState(null, '', href)
  else history.pushState(null, '', href)
  here.read()
  // Another entry of the same session is where the player scrolls to.
  if (!how.replace && (here.path !== before || here.route.page !== 'session')) window.scrollTo(0, 0)
}

// follow turns clicks on the app's own links into navigation without loading the page anew.
export function follow(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = (event.target as Element | null)?.closest?.('a')
  if (!link?.href || link.target || link.hasAttribute('download')) return
  const url = new URL(link.href)
  if (url.origin !== location.origin || url.pathname.startsWith('/api/')) return
  if (url.hash && url.pathname === location.pathname && url.search === location.search) return
  event.preventDefault()
  goto(url.pathname + url.search + url.hash)
}
