import type {
  BytesEntry,
  ClosedEntry,
  ColumnsEntry,
  CommandEntry,
  DecidedEntry,
  Entry,
  HeldEntry,
  LostEntry,
  MaskedEntry,
  NoticeEntry,
  OpenedEntry,
  ResultEntry,
  RowsEntry,
  StateEntry,
  Value,
  VerdictEntry,
} from '../api/types'
import { Payloads, type Payload } from './payloads'

// A step is what the player shows as one thing: a command with everything that belongs to it, or
// something that happened between commands. Its number is that of its first entry.
export type Step = CommandStep | StateStep | MarkStep

export interface CommandStep {
  kind: 'command'
  number: number
  at: number // milliseconds; of the first entry seen while the command itself is not loaded
  rev: number // counts changes
  command: ShortCommand | null // null: its entry lies before what is loaded
  parts: Part[] // by number
}

export interface StateStep {
  kind: 'states'
  number: number
  at: number
  rev: number
  states: StateEntry[]
}

export interface MarkStep {
  kind: 'mark'
  number: number
  at: number
  rev: number
  entry: OpenedEntry | ClosedEntry | LostEntry | NoticeEntry
}

export type Part =
  | VerdictEntry
  | HeldEntry
  | DecidedEntry
  | ResultEntry
  | NoticeEntry
  | ColumnsEntry
  | MaskedEntry
  | RowChunk
  | ByteChunk

// ShortCommand holds as much of a command as is shown before somebody asks for all of it.
export interface ShortCommand extends CommandEntry {
  short: boolean // text or a parameter was cut here, for memory's sake
}

export interface RowChunk extends Payload {
  kind: 'rows'
  number: number
  count: number
  cells: (string | null)[][] | null // null: let go, to be fetched again
  problem: string // what is wrong with the recording here; empty: nothing
}

export interface ByteChunk extends Payload {
  kind: 'bytes'
  number: number
  channel: string
  size: number
  binary: boolean
  text: string | null // null: let go, or binary
}

export const shortText = 4000
export const shortParameter = 500

// Timeline folds entries into steps. Entries may come in any order and more than once: history
// before a deep link is loaded after what follows it.
export class Timeline {
  steps: Step[] = []
  private readonly payloads: Payloads
  private byNumber = new Map<number, Step>()

  constructor(budget = 24 << 20) {
    this.payloads = new Payloads(budget)
  }

  clear() {
    this.steps = []
    this.byNumber.clear()
    this.payloads.clear()
  }

  apply(entries: Entry[]) {
    for (const entry of entries) this.fold(entry)
  }

  // step returns the step that holds the entry with that number, else the one before it.
  step(number: number): Step | undefined {
    const own = this.byNumber.get(number)
    if (own) return own
    const end = this.after(number)
    for (let i = end - 1; i >= 0 && i > end - 300; i--) {
      const step = this.steps[i]
      if (step && holds(step, number)) return step
    }
    return this.steps[end - 1] ?? this.steps[0]
  }

  command(number: number): CommandStep | undefined {
    const step = this.byNumber.get(number)
    return step?.kind === 'command' ? step : undefined
  }

  // prepared returns the text that was last prepared under a name before an entry.
  prepared(statement: string, before: number): string {
    for (let i = this.after(before) - 1; i >= 0; i--) {
      const step = this.steps[i]
      if (step?.kind === 'command' && step.command?.command_kind === 'prepare' && (step.command.statement ?? '') === statement) {
        return step.command.text
      }
    }
    return ''
  }

  // missing lists commands of which something is loaded, but not their own entry.
  missing(): number[] {
    return this.steps.filter((s) => s.kind === 'command' && !s.command).map((s) => s.number)
  }

  // trim lets the oldest steps go and returns the number of the first that stays.
  trim(keep: number): number {
    const gone = this.steps.splice(0, Math.max(0, this.steps.length - keep))
    for (const step of gone) {
      this.byNumber.delete(step.number)
      if (step.kind !== 'command') continue
      for (const part of step.parts) if (part.kind === 'rows' || part.kind === 'bytes') this.payloads.forget(part)
    }
    return this.steps[0]?.number ?? 1
  }

  touch(chunk: RowChunk | ByteChunk) {
    this.payloads.touch(chunk)
  }

  // after is the index of the first step whose number is above a number.
  after(number: number): number {
    let low = 0
    let high = this.steps.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.steps[middle]?.number ?? 0) <= number) low = middle + 1
      else high = middle
    }
    return low
  }

  private fold(entry: Entry) {
    switch (entry.kind) {
      case 'command': {
        const step = this.open(entry.number, entry.at)
        step.command = shorten(entry)
        step.at = Date.parse(entry.at)
        step.rev++
        return
      }
      case 'state':
        return this.state(entry)
      case 'opened':
      case 'closed':
      case 'lost':
        return this.mark(entry)
      case 'notice':
        return entry.command ? this.part(entry.command, entry.at, entry) : this.mark(entry)
      case 'rows':
        return this.part(entry.command, entry.at, rowChunk(entry))
      case 'bytes':
        return this.part(entry.command, entry.at, byteChunk(entry))
      case 'text':
      case 'sealed':
        return // pieces of long texts are fetched when asked for; a seal says nothing to a reader
      case 'verdict':
      case 'held':
      case 'decided':
      case 'result':
      case 'columns':
      case 'masked':
        return this.part(entry.command, entry.at, entry)
      // Other kinds were written by a newer release than this page.
    }
  }

  private open(number: number, at: string): CommandStep {
    const known = this.byNumber.get(number)
    if (known?.kind === 'command') return known
    const step: CommandStep = { kind: 'command', number, at: Date.parse(at), rev: 0, command: null, parts: [] }
    this.insert(step)
    return step
  }

  private part(command: number, at: string, part: Part) {
    const step = this.open(command, at)
    step.rev++
    const parts = step.parts
    let i = parts.length
    while (i > 0 && (parts[i - 1]?.number ?? 0) > part.number) i--
    const same = parts[i - 1]
    if (same?.number === part.number) {
      if (same.kind === 'rows' && part.kind === 'rows') same.cells = part.cells
      else if (same.kind === 'bytes' && part.kind === 'bytes') same.text = part.text
      else return
      this.payloads.touch(same)
      return
    }
    parts.splice(i, 0, part)
    if (part.kind === 'rows' || part.kind === 'bytes') {
      part.release = () => {
        if (part.kind === 'rows') part.cells = null
        else part.text = null
        step.rev++
      }
      this.payloads.touch(part)
    }
  }

  private state(entry: StateEntry) {
    const before = this.steps[this.after(entry.number) - 1]
    if (before?.kind === 'states') {
      if (before.states.some((s) => s.number === entry.number)) return
      before.states.push(entry)
      before.states.sort((a, b) => a.number - b.number)
      before.rev++
      return
    }
    this.insert({ kind: 'states', number: entry.number, at: Date.parse(entry.at), rev: 0, states: [entry] })
  }

  private mark(entry: MarkStep['entry']) {
    if (this.byNumber.has(entry.number)) return
    this.insert({ kind: 'mark', number: entry.number, at: Date.parse(entry.at), rev: 0, entry })
  }

  private insert(step: Step) {
    this.byNumber.set(step.number, step)
    const last = this.steps[this.steps.length - 1]
    if (!last || last.number < step.number) this.steps.push(step)
    else this.steps.splice(this.after(step.number), 0, step)
  }
}

function holds(step: Step, number: number): boolean {
  if (step.kind === 'command') return step.parts.some((p) => p.number === number)
  return step.kind === 'states' && step.states.some((s) => s.number === number)
}

function shorten(entry: CommandEntry): ShortCommand {
  let short = entry.text.length > shortText || (entry.text_first ?? 0) > 0
  const parameters = (entry.parameters ?? []).map((value): Value => {
    if ((value.text?.length ?? 0) <= shortParameter) return value
    short = true
    return { ...value, text: (value.text ?? '').slice(0, shortParameter) }
  })
  return { ...entry, text: entry.text.slice(0, shortText), parameters, short }
}

function rowChunk(entry: RowsEntry): RowChunk {
  const cells = entry.rows ?? []
  let cost = 64
  for (const row of cells) {
    cost += 32
    for (const cell of row) cost += 16 + 2 * (cell?.length ?? 0)
  }
  return { kind: 'rows', number: entry.number, count: cells.length, cells, problem: entry.problem ?? '', cost, release: noop }
}

function byteChunk(entry: BytesEntry): ByteChunk {
  const binary = entry.text === undefined
  const size = binary ? Math.floor(((entry.base64 ?? '').length * 3) / 4) : (entry.text?.length ?? 0)
  const text = binary ? null : (entry.text ?? '')
  return { kind: 'bytes', number: entry.number, channel: entry.channel, size, binary, text, cost: 64 + 2 * size, release: noop }
}

function noop() {}
