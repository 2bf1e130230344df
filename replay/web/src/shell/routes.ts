export type Route =
  | { page: 'sessions' }
  | { page: 'search' }
  | { page: 'session'; id: string }
  | { page: 'approvals'; id: string } // empty: the list alone
  | { page: 'runs'; id: string } // empty: the list
  | { page: 'resources'; kind: string; name: string } // no name: the list alone
  | { page: 'access' }
  | { page: 'audit' }
  | { page: 'health' }
  | { page: 'passkeys' }
  | { page: 'signin' }
  | { page: 'terminal'; device: boolean }
  | { page: 'unknown' }

// kinds of resources, as they stand in paths.
export const kinds = ['target', 'role', 'policy', 'mask']

export function routeOf(pathname: string): Route {
  if (pathname === '/') return { page: 'sessions' }
  if (pathname === '/search') return { page: 'search' }
  if (pathname === '/signin') return { page: 'signin' }
  if (pathname === '/login' || pathname === '/device') return { page: 'terminal', device: pathname === '/device' }
  if (pathname === '/access') return { page: 'access' }
  if (pathname === '/audit') return { page: 'audit' }
  if (pathname === '/health') return { page: 'health' }
  if (pathname === '/passkeys') return { page: 'passkeys' }
  const [, place, name, ...more] = pathname.split('/')
  if (place === 'resources' && name && kinds.includes(name) && more.length < 2 && more[0] !== '') {
    return { page: 'resources', kind: name, name: decode(more[0] ?? '') }
  }
  if (more.length > 0 || name === '') return { page: 'unknown' }
  if (place === 'sessions' && name) return { page: 'session', id: decode(name) }
  if (place === 'runs') return { page: 'runs', id: decode(name ?? '') }
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
