import type { Route } from './routes'

// Place is one entry of the navigation.
export interface Place {
  name: string
  href: string
  pages: Route['page'][]
  admin?: boolean // for administrators alone
}

export const places: Place[] = [
  { name: 'Sessions', href: '/', pages: ['sessions', 'session'] },
  { name: 'Runs', href: '/runs', pages: ['runs'] },
  { name: 'Search', href: '/search', pages: ['search'] },
  { name: 'Approvals', href: '/approvals', pages: ['approvals'] },
  { name: 'Access', href: '/access', pages: ['access'] },
  { name: 'Passkeys', href: '/passkeys', pages: ['passkeys'] },
  { name: 'Rules', href: '/resources/target', pages: ['resources'], admin: true },
  { name: 'Audit', href: '/audit', pages: ['audit'], admin: true },
  { name: 'Health', href: '/health', pages: ['health'], admin: true },
]
