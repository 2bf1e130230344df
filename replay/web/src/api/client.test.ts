import { afterEach, expect, test, vi } from 'vitest'
import { arrived, get, type Problem } from './client'

afterEach(() => void vi.unstubAllGlobals())

// answers has fetch answer a path with each status in turn, the last one from then on.
function answers(by: Record<string, number[]>, sent: (path: string) => void = () => {}) {
  vi.stubGlobal('navigator', {}) // without locks
  vi.stubGlobal('fetch', async (url: string) => {
    const path = url.replace('/api/v1', '')
    sent(path)
    const statuses = by[path] ?? [404]
    const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!
    return new Response(status === 200 ? '{"ok":true}' : '{}', { status })
  })
}

test('what is refused is refused once', async () => {
  const asked: string[] = []
  answers({ '/sessions': [401], '/me': [401], '/signin/refresh': [401] }, (path) => asked.push(path))
  await expect(get('/sessions')).rejects.toSatisfy((err) => (err as Problem).unauthenticated)
  expect(asked).toEqual(['/sessions', '/me', '/signin/refresh'])
})

test('what was sent before somebody signed in is sent again after it', async () => {
  answers({ '/sessions': [401, 200], '/me': [401], '/signin/refresh': [401] }, (path) => path === '/signin/refresh' && arrived())
  await expect(get('/sessions')).resolves.toEqual({ ok: true })
})
