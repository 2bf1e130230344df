import { expect, test } from 'vitest'
import { inside, routeOf } from './routes'

test.each([
  ['/', { page: 'sessions' }],
  ['/search', { page: 'search' }],
  ['/signin', { page: 'signin' }],
  ['/login', { page: 'terminal', device: false }],
  ['/device', { page: 'terminal', device: true }],
  ['/sessions/a%2Fb', { page: 'session', id: 'a/b' }],
  ['/sessions/%zz', { page: 'session', id: '%zz' }],
  ['/sessions/', { page: 'unknown' }],
  ['/sessions/a/b', { page: 'unknown' }],
  ['/runs', { page: 'runs', id: '' }],
  ['/runs/r-1', { page: 'runs', id: 'r-1' }],
  ['/approvals', { page: 'approvals', id: '' }],
  ['/approvals/a-1', { page: 'approvals', id: 'a-1' }],
  ['/approvals/a/b', { page: 'unknown' }],
  ['/resources/policy', { page: 'resources', kind: 'policy', name: '' }],
  ['/resources/policy/a%2Fb', { page: 'resources', kind: 'policy', name: 'a/b' }],
  ['/resources/policy/', { page: 'unknown' }],
  ['/resources/nothing', { page: 'unknown' }],
  ['/audit', { page: 'audit' }],
  ['/health', { page: 'health' }],
  ['/passkeys', { page: 'passkeys' }],
  ['/passkeys/x', { page: 'unknown' }],
])('route of %s', (path, want) => expect(routeOf(path)).toEqual(want))

test.each([
  ['/sessions/x?at=3', '/sessions/x?at=3'],
  ['', '/'],
  ['/signin', '/'],
  ['/signin?next=%2Fsignin', '/'],
  ['https://evil.example/a', '/'],
  ['//evil.example/a', '/'],
  ['/\\evil.example/a', '/'],
  ['https://gate.example:7080//evil.example/a', '/evil.example/a'],
  ['javascript:alert(1)', '/'],
  ['https://[', '/'],
  ['https://gate.example:7080/search?q=a#b', '/search?q=a'],
])('inside %s', (href, want) => expect(inside(href, 'https://gate.example:7080')).toBe(want))
