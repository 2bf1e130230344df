import type {
  AccessPage, Approval, ApprovalPage, AuditPage, Change, Count, Deliveries, EntryPage, Health, HitPage, Me, ProblemDocument,
  Resource, ReviewResult, Revision, SavedSearch, Session, SessionPage,
} from './types'

const base = '/api/v1'

// Problem is every way in which a request can fail, in words for the person at the screen.
export class Problem extends Error {
  readonly status: number // 0: no answer
  readonly code: string
  readonly position: number | undefined

  constructor(doc: ProblemDocument, status: number) {
    super(doc.detail || doc.title || `The server answered with status ${status}.`)
    this.status = status
    this.code = doc.code ?? ''
    this.position = doc.position
  }

  get unauthenticated(): boolean {
    return this.status === 401 || this.code === 'unauthenticated'
  }
}

export const unreachable = () =>
  new Problem({ title: 'The server does not answer. Is it running, and is the network up?', code: 'unreachable' }, 0)

export function asProblem(err: unknown): Problem {
  if (err instanceof Problem) return err
  return new Problem({ title: err instanceof Error ? err.message : String(err) }, 0)
}

export const aborted = (err: unknown) => err instanceof DOMException && err.name === 'AbortError'

// How often somebody has signed in here. What was sent before that, and is refused after it, is sent again.
let arrivals = 0
export const arrived = () => void arrivals++

// request sends JSON, or a string as YAML.
export async function request(method: string, path: string, body?: object | string, signal?: AbortSignal, accept = 'application/json'): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept }
  if (body !== undefined) headers['Content-Type'] = typeof body === 'string' ? 'application/yaml' : 'application/json'
  // The cookie alone proves nothing about who made the request; this header a foreign page cannot set.
  if (method !== 'GET') headers['X-Sallyport'] = '1'
  const before = arrivals
  let response: Response
  try {
    response = await fetch(base + path, {
      method,
      headers,
      credentials: 'same-origin',
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      signal: signal ?? null,
    })
  } catch (err) {
    if (aborted(err)) throw err
    throw unreachable()
  }
  if (response.ok) return response
  if (response.status === 401 && ((await prolong(path)) || arrivals !== before)) return request(method, path, body, signal, accept)
  let doc: ProblemDocument = {}
  try {
    doc = (await response.json()) as ProblemDocument
  } catch {
    doc = { title: `The server answered ${response.status} ${response.statusText}`.trim() + '.' }
  }
  if (doc.code === 'step_up' && prover && (await prover())) return request(method, path, body, signal, accept)
  throw new Problem(doc, response.status)
}

// What asks the person for a passkey when something needs one, and says whether they proved it.
let prover: (() => Promise<boolean>) | null = null
export const proveWith = (f: () => Promise<boolean>) => (prover = f)

// prolong asks for the session to go on, once among all tabs, and says whether it is worth trying
// again. Where there is nothing to prolong with, the server says so at once.
async function prolong(path: string): Promise<boolean> {
  if (path.startsWith('/signin') || path.startsWith('/identity/')) return false
  const one = async () => {
    const probe = await fetch(base + '/me', { credentials: 'same-origin' })
    if (probe.ok) return true // another tab did it
    const answer = await fetch(base + '/signin/refresh', { method: 'POST', headers: { 'X-Sallyport': '1' }, credentials: 'same-origin' })
    return answer.ok
  }
  try {
    return navigator.locks ? await navigator.locks.request('sallyport-refresh', one) : await one()
  } catch {
    return false
  }
}
// An export answers itself; elsewhere is what answers it.
let elsewhere: ((path: string) => unknown) | null = null
export const answerBy = (f: (path: string) => unknown) => (elsewhere = f)
export const exported = () => elsewhere !== null

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  if (elsewhere) return (await elsewhere(path)) as T
  const response = await request('GET', path, undefined, signal)
  return (await response.json()) as T
}

export function query(fields: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return text ? '?' + text : ''
}

export const at = (id: string) => '/sessions/' + encodeURIComponent(id)

export interface SessionFilter {
  who: string
  target: string
  open: string // "", "true" or "false"
}

export const me = () => get<Me>('/me')
export const signIn = (token: string) => request('POST', '/signin', { token })
export const signOut = () => request('POST', '/signout')

export const sessions = (filter: SessionFilter, cursor: string, limit: number, signal?: AbortSignal) =>
  get<SessionPage>('/sessions' + query({ limit, cursor, ...filter }), signal)

export const session = (id: string, signal?: AbortSignal) => get<Session>(at(id), signal)

export const entries = (id: string, from: number, limit: number, signal?: AbortSignal) =>
  get<EntryPage>(at(id) + '/entries' + query({ from, limit }), signal)

export const search = (q: string, cursor: string, order: string, signal?: AbortSignal) =>
  get<HitPage>('/search' + query({ q, cursor, order, limit: 20, counts: cursor ? undefined : 'true' }), signal)

export const suggest = async (field: string, prefix: string, signal?: AbortSignal) =>
  (await get<{ values: Count[] | null }>('/search/suggest' + query({ field, prefix }), signal)).values ?? []

export const savedSearches = async () => (await get<{ searches: SavedSearch[] | null }>('/searches')).searches ?? []
export const saveSearch = (name: string, q: string) => request('PUT', '/searches/' + encodeURIComponent(name), { query: q })
export const forgetSearch = (name: string) => request('DELETE', '/searches/' + encodeURIComponent(name))

const resource = (kind: string, name: string) => `/resources/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`

export const resources = async (kind: string, signal?: AbortSignal) =>
  (await get<{ resources: Resource[] | null }>('/resources/' + encodeURIComponent(kind), signal)).resources ?? []

export const resourceYaml = async (kind: string, name: string) => (await request('GET', resource(kind, name) + '?format=yaml')).text()

export const history = async (kind: string, name: string) =>
  (await get<{ revisions: Revision[] | null }>(resource(kind, name) + '/history')).revisions ?? []

export async function apply(yaml: string, dry: boolean, signal?: AbortSignal): Promise<Change[]> {
  const response = await request('POST', '/apply' + query({ dry_run: dry ? 'true' : undefined }), yaml, signal)
  return ((await response.json()) as { changes: Change[] | null }).changes ?? []
}

export const remove = (kind: string, name: string) => request('DELETE', resource(kind, name))

export const audit = (filter: { area: string; by: string }, before: number, signal?: AbortSignal) =>
  get<AuditPage>('/audit' + query({ ...filter, before: before || undefined }), signal)

export const health = (signal?: AbortSignal) => get<Health>('/health', signal)

export const deliveries = (limit: number, signal?: AbortSignal) => get<Deliveries>('/approvals/deliveries' + query({ limit }), signal)

export const kill = (id: string, reason: string) => request('POST', at(id) + '/kill', { reason })

export const approvals = (status: string, target: string, limit: number, signal?: AbortSignal) =>
  get<ApprovalPage>('/approvals' + query({ status, target, limit }), signal)

export const approval = (id: string, signal?: AbortSignal) => get<Approval>('/approvals/' + encodeURIComponent(id), signal)

export async function review(id: string, decision: 'approve' | 'deny' | 'break_glass', reason: string): Promise<Approval> {
  const response = await request('POST', '/approvals/' + encodeURIComponent(id) + '/reviews', { decision, reason })
  return (await response.json()) as Approval
}

async function reviewEach(ids: string[], decision: 'approve' | 'deny', reason: string): Promise<ReviewResult[]> {
  const response = await request('POST', '/approvals/reviews', { ids, decision, reason })
  return ((await response.json()) as { results: ReviewResult[] | null }).results ?? []
}

// reviewAll decides several requests alike, at most 100, and tells what became of each. Those that need a
// passkey are asked for again once it was proved.
export async function reviewAll(ids: string[], decision: 'approve' | 'deny', reason: string): Promise<ReviewResult[]> {
  const results = await reviewEach(ids, decision, reason)
  const unproved = results.filter((r) => r.code === 'step_up').map((r) => r.id)
  if (unproved.length === 0 || !prover || !(await prover())) return results
  let again: ReviewResult[]
  try {
    again = await reviewEach(unproved, decision, reason)
  } catch (err) {
    const { code, message } = asProblem(err) // what was decided before it stays decided, and told
    again = unproved.map((id) => ({ id, status: '', code, problem: message }))
  }
  return results.map((r) => again.find((a) => a.id === r.id) ?? r)
}

export const access = (status: string, signal?: AbortSignal) => get<AccessPage>('/access' + query({ status }), signal)

export async function askAccess(target: string, length: string, reason: string): Promise<Approval> {
  return (await (await request('POST', '/access', { target, for: length, reason })).json()) as Approval
}

export const revokeAccess = (id: string, reason: string) => request('POST', `/access/${encodeURIComponent(id)}/revoke`, { reason })

export const exportPath = (id: string, format: string, encrypt: string) => at(id) + '/export' + query({ format, encrypt })
export const exportLink = (id: string, format: string, encrypt: string) => base + exportPath(id, format, encrypt)

export function playLink(id: string, from: number): string {
  const url = new URL(base + at(id) + '/play' + query({ from }), location.origin)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
