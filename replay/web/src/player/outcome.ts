import type { ColumnsEntry, DecidedEntry, HeldEntry, MaskedEntry, NoticeEntry, ResultEntry, VerdictEntry } from '../api/types'
import type { ByteChunk, CommandStep, RowChunk, Step } from './timeline'

// What became of a step, worst first.
export type Outcome = 'denied' | 'error' | 'held' | 'running' | 'ok'

export function outcome(step: Step): Outcome {
  if (step.kind === 'mark') return step.entry.kind === 'lost' ? 'error' : 'ok'
  if (step.kind === 'states') return 'ok'
  let worst: Outcome = 'ok'
  let done = false
  let waiting = false
  for (const part of step.parts) {
    if (part.kind === 'verdict' && part.outcome === 'deny') return 'denied'
    if (part.kind === 'decided' && part.decision !== 'approved') return 'denied'
    if (part.kind === 'decided') waiting = false
    if (part.kind === 'held') waiting = true
    if (part.kind !== 'result') continue
    done = true
    if (part.refused) return 'denied'
    if (part.error) worst = 'error'
  }
  if (worst === 'error') return worst
  if (waiting) return 'held'
  return done || step.command?.command_kind === 'prepare' ? 'ok' : 'running'
}

export const isProblem = (step: Step) => ['denied', 'error', 'held'].includes(outcome(step))

// ResultSet is one table, stream of bytes, or plain completion of a command; several statements in
// one command make several.
export interface ResultSet {
  columns: ColumnsEntry | null
  chunks: RowChunk[]
  rows: number // in chunks
  bytes: ByteChunk[]
  notices: NoticeEntry[]
  result: ResultEntry | null
}

export interface Parts {
  verdict: VerdictEntry | null
  held: HeldEntry | null
  decided: DecidedEntry | null
  masked: MaskedEntry[]
  sets: ResultSet[]
}

export function partsOf(step: CommandStep): Parts {
  const parts: Parts = { verdict: null, held: null, decided: null, masked: [], sets: [] }
  let current: ResultSet | null = null
  const set = (fresh: boolean): ResultSet => {
    if (!current || fresh) {
      current = { columns: null, chunks: [], rows: 0, bytes: [], notices: [], result: null }
      parts.sets.push(current)
    }
    return current
  }
  for (const part of step.parts) {
    switch (part.kind) {
      case 'verdict':
        parts.verdict = part
        break
      case 'held':
        parts.held = part
        break
      case 'decided':
        parts.decided = part
        break
      case 'masked':
        parts.masked.push(part)
        break
      case 'columns':
        set(begun(current)).columns = part
        break
      case 'rows': {
        const into = set(false)
        into.chunks.push(part)
        into.rows += part.count
        break
      }
      case 'bytes':
        set(false).bytes.push(part)
        break
      case 'notice':
        set(false).notices.push(part)
        break
      case 'result':
        set(false).result = part
        current = null
    }
  }
  return parts
}

function begun(set: ResultSet | null): boolean {
  return set !== null && (set.columns !== null || set.chunks.length > 0 || set.bytes.length > 0)
}

// chunkAt finds the chunk that holds a row of a set, and the row's place in it.
export function chunkAt(chunks: RowChunk[], row: number): { chunk: RowChunk; first: number } | null {
  let first = 0
  for (const chunk of chunks) {
    if (row < first + chunk.count) return { chunk, first }
    first += chunk.count
  }
  return null
}
