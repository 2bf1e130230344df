// The routes of the app are paths; links are plain <a href>.

export type Route =
  | { page: 'sessions' }
  | { page: 'search' }
  | { page: 'session'; id: string }
  | { page: 'signin' }
  | { page: 'unknown' }

export function routeOf(pathname: string): Route {
  if (pathname === '/') return { page: 'sessions' }
  if (pathname === '/search') return { page: 'search' }
  if (pathname === '/signin') return { page: 'signin' }
  const session = /^\/sessions\/([^/]+)$/.exec(pathname)
  if (session?.[1]) return { page: 'session', id: decode(session[1]) }
  return { page: 'unknown' }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

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

export function goto(href: string, how: { replace?: boolean; scroll?: boolean } = {}) {
  if (how.replace) history.replaceState(null, '', href)
  else history.pushState(null, '', href)
  here.read()
  if (how.scroll ?? !how.replace) window.scrollTo(0, 0)
}

// inside returns a path of this app, whatever somebody put into the address.
export function inside(href: string): string {
  try {
    const url = new URL(href || '/', location.origin)
    if (url.origin === location.origin && url.pathname !== '/signin') return url.pathname + url.search
  } catch {
    // not an address
  }
  return '/'
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
