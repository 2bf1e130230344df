// Checks that an export is what was recorded: the messages of the log that it carries are whole and
// chained by their hashes, and every entry that it shows is the one in them.
import type { Entry } from '../api/types'
import { fromBase64 } from '../player/base64'
import { envelope, fields, partOf, type Field, type Recorded } from './proto'

export interface Message {
  sequence: number
  data: string // base64
}

export interface Proof {
  entries: number
  messages: number
  closed: boolean
  lost: { first: number; last: number }[]
  problems: string[]
  facts_hash: string
  frames_hash: string
}

const most = 100

// prove checks an export. Of a session that was open, messages may hold entries that came after what
// is shown; they are left aside, and what was under way may be missing.
export async function prove(session: string, whole: boolean, facts: Message[], frames: Message[], shown: Entry[]): Promise<Proof> {
  const end = whole ? Infinity : Math.max(0, ...shown.slice(-1).map((e) => e.number))
  const proof: Proof = { entries: 0, messages: facts.length + frames.length, closed: false, lost: [], problems: [], facts_hash: '', frames_hash: '' }
  const problem = (text: string) => void (proof.problems.length < most && proof.problems.push(text))
  const recorded = new Map<number, Recorded>()
  const heads = new Map<number, string>() // of the frames, that facts name
  const hashes = new Map<number, string>() // of the frames, by sequence
  for (const [name, list] of [['facts', facts], ['frames', frames]] as const) {
    let before = ''
    for (const message of list) {
      const data = fromBase64(message.data)
      const hash = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', data)))
      try {
        const e = envelope(data)
        if (e.session !== session) problem(`message ${message.sequence} is of another session`)
        if (hex(e.previous) !== before) problem(`message ${message.sequence} does not continue the one before it`)
        if (e.frames && e.frames.sequence > 0) heads.set(e.frames.sequence, hex(e.frames.hash))
        for (const one of e.entries) {
          if (one.number === 0 || one.number > end) continue
          if (recorded.has(one.number)) problem(`entry ${one.number} is there twice`)
          recorded.set(one.number, one)
          if (one.kind === 17) proof.closed = true
          if (one.kind === 18) for (const f of ranges(one)) proof.lost.push(f)
        }
      } catch (err) {
        problem(`message ${message.sequence} cannot be read: ${err instanceof Error ? err.message : String(err)}`)
      }
      before = hash
      if (name === 'frames') hashes.set(message.sequence, hash)
    }
    proof[`${name}_hash`] = before
  }
  for (const [sequence, hash] of heads) if (hashes.get(sequence) !== hash) problem(`frame message ${sequence} is not the one that the facts name`)
  compare(recorded, whole, shown, proof, problem)
  return proof
}

function* ranges(one: Recorded) {
  for (const f of [...partOf(one.part).values()]) {
    const r = partOf(f.bytes)
    yield { first: Number(r.get(1)?.value ?? 0n), last: Number(r.get(2)?.value ?? 0n) }
  }
}

// compare holds what is shown against what was recorded.
function compare(recorded: Map<number, Recorded>, whole: boolean, shown: Entry[], proof: Proof, problem: (text: string) => void) {
  let last = 0
  for (const n of recorded.keys()) last = Math.max(last, n)
  proof.entries = recorded.size
  for (let n = 1, missing = 0; whole && n <= last && missing < most; n++) {
    if (recorded.has(n) || proof.lost.some((r) => n >= r.first && n <= r.last)) continue
    problem(`entry ${n} is missing`)
    missing++
  }
  const seen = new Set<number>()
  const told: Told = { columns: new Map(), split: new Map() }
  for (const entry of shown) {
    const one = recorded.get(entry.number)
    seen.add(entry.number)
    if (!one) problem(`entry ${entry.number} is shown, and was not recorded`)
    else if (!alike(one, entry, told)) problem(`entry ${entry.number} is not shown as it was recorded`)
  }
  for (const number of recorded.keys()) if (!seen.has(number)) problem(`entry ${number} was recorded, and is not shown`)
}

const kinds: Record<string, number> = {
  opened: 10, command: 11, verdict: 12, held: 13, decided: 14, result: 15, notice: 16, closed: 17, lost: 18, state: 19,
  terminal: 20, observed: 21, file: 22, masked: 30, text: 40, columns: 41, rows: 42, bytes: 43, sealed: 44,
}

// Told is what earlier entries said of the rows of commands.
interface Told {
  columns: Map<number, boolean[]> // whether each is in a binary form
  split: Map<number, Uint8Array[]> // what there is of a command's last row, where that goes on in the next entry
}

// alike compares what matters of an entry: when it was, and what it says.
function alike(one: Recorded, entry: Entry, told: Told): boolean {
  if ((kinds[entry.kind] ?? one.kind) !== one.kind) return false
  if (one.at > 0n && nanoseconds(entry.at) !== one.at) return false
  const part = partOf(one.part)
  switch (entry.kind) {
    case 'command':
      return string(part.get(2)) === entry.text
    case 'verdict':
      return number(part.get(1)) === entry.command && ['', 'allow', 'deny', 'hold'][number(part.get(2))] === entry.outcome
    case 'decided':
      return string(part.get(3)) === entry.decision
    case 'result':
      return number(part.get(1)) === entry.command && string(part.get(2)) === entry.tag && number(part.get(3)) === entry.rows
    case 'observed':
      return string(part.get(2)) === entry.text
    case 'bytes':
    case 'text': {
      const data = part.get(entry.kind === 'bytes' ? 4 : 3)?.bytes ?? new Uint8Array()
      return same(data, entry.text === undefined ? fromBase64(entry.base64 ?? '') : new TextEncoder().encode(entry.text))
    }
    case 'columns': {
      const recorded = [...fields(one.part)].filter((f) => f.number === 2).map((f) => partOf(f.bytes))
      told.columns.set(entry.command, recorded.map((c) => number(c.get(4)) !== 0))
      const listed = entry.columns ?? []
      return recorded.length === listed.length && recorded.every((c, i) => string(c.get(1)) === listed[i]?.name && (number(c.get(7)) !== 0) === (listed[i]?.masked ?? false))
    }
    case 'rows': {
      const pieces = [...(told.split.get(entry.command) ?? []), part.get(4)?.bytes ?? new Uint8Array()]
      const more = number(part.get(5)) !== 0
      told.split.delete(entry.command)
      if (more && !entry.rows?.length) {
        told.split.set(entry.command, pieces) // none ends here
        return true
      }
      const data = joined(pieces)
      const end = cells(data, entry.rows ?? [], told.columns.get(entry.command) ?? [])
      if (more) told.split.set(entry.command, [data.subarray(Math.max(end, 0))])
      return end >= 0
    }
    case 'closed':
      return string(part.get(1)) === entry.reason && string(part.get(2)) === (entry.message ?? '')
  }
  return true
}

// cells compares rows with their cells. Values in a binary form are shown as text, and are compared by
// whether they are null; so are those that are no text. It returns where the rows end, or -1 if they differ.
function cells(data: Uint8Array, rows: (string | null)[][], binary: boolean[]): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      if (at + 4 > data.length) return -1
      const size = view.getInt32(at)
      at += 4
      if (size < 0 !== (cell === null)) return -1
      if (size < 0) continue
      const text = decoder.decode(data.subarray(at, at + size))
      if (!binary[i] && binary.length > 0 && !text.includes('\uFFFD') && text !== cell) return -1
      at += size
    }
  }
  return at
}

function joined(pieces: Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of pieces) {
    whole.set(p, at)
    at += p.length
  }
  return whole
}

const decoder = new TextDecoder()
const string = (f: Field | undefined) => (f ? decoder.decode(f.bytes) : '')
const number = (f: Field | undefined) => Number(f?.value ?? 0n)
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((v, i) => v === b[i])

export const hex = (data: Uint8Array) => [...data].map((b) => b.toString(16).padStart(2, '0')).join('')

// nanoseconds reads RFC 3339 in UTC, with up to nine digits of a second.
export function nanoseconds(at: string): bigint {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? ''
  const seconds = BigInt(Date.parse(at.replace(/\.\d+/, '')) / 1000)
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}
