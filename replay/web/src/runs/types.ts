// What /api/v1/runs speaks.
import type { Failure, Session } from '../api/types'

export interface Tally {
  sessions: number
  open: number
  commands: number
  rows: number
  denied: number
  held: number
  errors: number
}

export interface MaskCount {
  mask: string
  column: string
  detector: string
  count: number
}

export interface Run {
  id: string
  agent: string
  opened: string
  by: string
  starter: string
  model: string
  parent: string
  attributes?: Record<string, string> | null
  traceparent: string
  prompt_size: number
  masked?: MaskCount[] | null
  title: string // empty: withheld
  tally: Tally
  last: string
}

export interface RunPage {
  runs: Run[] | null
  next: string
}

export interface Step {
  number: number
  at: string
  command_kind: string
  text: string
  cut: boolean
  kinds?: string[] | null
  attributes?: Record<string, string> | null
  verdict: { outcome: string; reasons?: { policy: string; message: string }[] | null } | null
  approval: { id: string; decision: string; by?: string[] | null; reason: string; link?: string } | null
  masked?: MaskCount[] | null
  result: { tag: string; rows: number; duration_ms: number; refused: boolean; error: Failure | null } | null
  link: string
}

export interface ChainSession extends Session {
  steps: Step[] | null
  more: boolean
}

export interface Chain extends Run {
  prompt: string | null // null: withheld
  sessions: ChainSession[] | null
  more: boolean
  children: Run[] | null
}
