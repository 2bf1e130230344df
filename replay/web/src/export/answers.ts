// Answers what the player asks of the server out of what an export carries.
import { Problem } from '../api/client'
import type { Entry, Hit, Session } from '../api/types'
import type { Index, Keyframe, Moment, Remarks } from '../player/api'
import { prove, type Message } from './proof'

export interface Carried {
  by: string
  at: string
  session: Session
  index: Index
  keyframes: Keyframe[]
  moments: Moment[]
  remarks: Remarks
  entries: Entry[]
  facts: Message[]
  frames: Message[]
}

export function answers(x: Carried): (path: string) => unknown {
  return (path) => {
    const url = new URL(path, 'http://export.invalid')
    const q = (name: string) => (url.searchParams.has(name) ? Number(url.searchParams.get(name)) : undefined)
    switch (url.pathname.split('/').slice(3).join('/') || url.pathname.split('/')[1]) {
      case 'sessions':
        return x.session
      case 'index':
        return x.index
      case 'remarks':
        return x.remarks
      case 'keyframe':
        return keyframe(x, q('at'), q('number'))
      case 'moments':
        return moments(x, q('from'), q('before'), q('at'), q('limit') ?? 200)
      case 'entries':
        return entries(x, q('from') ?? 1, q('limit') ?? 500)
      case 'verify':
        return prove(x.session.id, x.session.closed !== null, x.facts, x.frames, x.entries)
      case 'search':
        return search(x, url.searchParams.get('q') ?? '')
    }
    throw new Problem({ title: 'An export cannot do this.', code: 'unsupported' }, 400)
  }
}

function keyframe(x: Carried, at: number | undefined, number: number | undefined): Keyframe {
  const before = (k: Keyframe) => (at !== undefined ? k.at_ms <= at : k.number <= (number ?? Infinity))
  return x.keyframes.findLast(before) ?? { number: 0, at_ms: 0, current: 0, terminals: [] }
}

function moments(x: Carried, from = 1, before: number | undefined, at: number | undefined, limit: number) {
  if (before !== undefined) return { moments: x.moments.filter((m) => m.number < before).slice(-limit), next: before }
  let first = x.moments.findIndex((m) => m.number >= from)
  if (at !== undefined) first = Math.max(0, x.moments.findLastIndex((m) => m.kind === 'command' && m.at_ms <= at))
  if (first < 0) return { moments: [], next: 0 }
  return { moments: x.moments.slice(first, first + limit), next: x.moments[first + limit]?.number ?? 0 }
}

function entries(x: Carried, from: number, limit: number) {
  let low = 0
  let high = x.entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (x.entries[middle]!.number < from) low = middle + 1
    else high = middle
  }
  return { entries: x.entries.slice(low, low + limit), next: x.entries[low + limit]?.number ?? 0 }
}

// search finds words as they are in what was run, returned and shown.
function search(x: Carried, q: string): { hits: Partial<Hit>[]; total: number; next: string } {
  const wanted = q.replace(/^session:\S+\s*/, '').replaceAll('"', '').toLowerCase()
  const hits: Partial<Hit>[] = []
  for (const e of x.entries) {
    if (hits.length >= 500) break
    const text = e.kind === 'command' || e.kind === 'observed' ? e.text : e.kind === 'rows' ? JSON.stringify(e.rows) : e.kind === 'bytes' ? (e.text ?? '') : ''
    if (text.toLowerCase().includes(wanted)) hits.push({ number: e.number, command: 'command' in e ? e.command : e.number, time: e.at, snippet: '' })
  }
  return { hits, total: hits.length, next: '' }
}
