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
