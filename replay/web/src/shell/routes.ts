export type Route =
  | { page: 'sessions' }
  | { page: 'search' }
  | { page: 'session'; id: string }
  | { page: 'approvals'; id: string } // empty: the list alone
  | { page: 'signin' }
  | { page: 'terminal'; device: boolean }
  | { page: 'unknown' }

export function routeOf(pathname: string): Route {
  if (pathname === '/') return { page: 'sessions' }
  if (pathname === '/search') return { page: 'search' }
  if (pathname === '/signin') return { page: 'signin' }
  if (pathname === '/login' || pathname === '/device') return { page: 'terminal', device: pathname === '/device' }
  const [, place, name, ...more] = pathname.split('/')
  if (more.length > 0 || name === '') return { page: 'unknown' }
  if (place === 'sessions' && name) return { page: 'session', id: decode(name) }
  if (place === 'approvals') return { page: 'approvals', id: decode(name ?? '') }
  return { page: 'unknown' }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

// inside returns a path of this app, whatever somebody put into the address. The sign-in page leads
// on to it, so another site must never come out.
export function inside(href: string, origin: string): string {
  try {
    const url = new URL(href || '/', origin)
    const path = url.pathname.replace(/^\/+/, '/')
    if (url.origin === origin && path !== '/signin') return path + url.search
  } catch {
    // not an address
  }
  return '/'
}
