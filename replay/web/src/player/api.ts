// What only the player asks of /api/v1. Times are milliseconds since the session's first entry.
import { at, get, query, request } from '../api/client'
import type { HitPage } from '../api/types'

export interface Index {
  number: number
  first: string
  last_ms: number
  open: boolean
  commands: number
  keyframes: number
  bucket_ms: number
  input: number[]
  output: number[]
  activity: number[]
  risk: number[]
  alerts: Alert[]
  alerts_left_out: number
  terminal: boolean
}

export interface Alert {
  number: number
  at_ms: number
  what: string
}

export interface Keyframe {
  number: number
  at_ms: number
  current: number
  terminals: { command: number; columns: number; rows: number; drawing: string }[]
}

export interface Moment {
  number: number
  at_ms: number
  kind: string
  command?: number
  word?: string
  text?: string
  outcome?: string
  policies?: string[]
  approval?: string
  decision?: string
  by?: string[]
  done?: boolean
  rows?: number
  bytes?: number
  duration_ms?: number
  error?: string
  refused?: boolean
  masked?: number
  revealed?: number // of these, shown to the client
  conceals?: boolean // something was: how much is known when the command ends
  status?: number
}

export interface Annotation {
  id: string
  number: number
  at: string
  by: string
  text: string
  at_ms: number
}

export interface Remarks {
  annotations: Annotation[]
  views: { at: string; by: string; how: string; reason?: string; command?: number }[]
  steered: { at: string; by: string; action: string; message: string }[]
  paused: boolean
}

export interface Verification {
  entries: number
  messages: number
  closed: boolean
  lost: { first: number; last: number }[] | null
  problems: string[] | null
  facts_hash: string
  frames_hash: string
}

export const index = (id: string, signal?: AbortSignal) => get<Index>(at(id) + '/index', signal)

export const keyframe = (id: string, place: { at?: number; number?: number }, signal?: AbortSignal) =>
  get<Keyframe>(at(id) + '/keyframe' + query(place), signal)

export const moments = (id: string, place: { from?: number; before?: number; at?: number; limit?: number }, signal?: AbortSignal) =>
  get<{ moments: Moment[]; next: number }>(at(id) + '/moments' + query(place), signal)

export const remarks = (id: string, signal?: AbortSignal) => get<Remarks>(at(id) + '/remarks', signal)

export const verify = (id: string, signal?: AbortSignal) => get<Verification>(at(id) + '/verify', signal)

export interface MovedFile {
  number: number
  at_ms: number
  command: number // that opened it
  path: string
  bytes_in: number // written to the target
  bytes_out: number // read from it
  digest_in: string // SHA-256, if that was in order and whole
  digest_out: string
  kept: boolean
  masked: boolean // what is kept is what masks leave; digests are of what was moved
}

export const files = (id: string, from: number, signal?: AbortSignal) =>
  get<{ files: MovedFile[]; next: number }>(at(id) + '/files' + query({ from }), signal)

export const filePath = (id: string, command: number, read: boolean) => at(id) + '/files/' + command + query({ read: read ? 'true' : undefined })

export const annotate = async (id: string, number: number, text: string) =>
  (await (await request('POST', at(id) + '/annotations', { number, text })).json()) as Annotation

export const takeBack = (id: string, annotation: string) => request('DELETE', at(id) + '/annotations/' + encodeURIComponent(annotation))

export const steer = (id: string, action: 'message' | 'pause' | 'resume', body: object) => request('POST', at(id) + '/' + action, body)

export interface Revealed {
  command: number
  row: number
  column: number
  part?: string
  length?: number // of a stream: bytes of the recording that stand in its place
  name: string
  masks: string[]
  null: boolean
  text: string
}

// reveal puts the reason on record, and returns values from entry from on; next is 0 at the end.
export const reveal = async (id: string, command: number, reason: string, from: number) =>
  (await (await request('POST', at(id) + '/reveal' + query({ command, from: from || undefined }), { reason })).json()) as {
    values: Revealed[]
    withheld: number
    next: number
  }

export const find = (id: string, words: string, signal?: AbortSignal) =>
  get<HitPage>('/search' + query({ q: `session:${id} ${words}`, limit: 100 }), signal)
