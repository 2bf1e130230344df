// The JSON that /api/v1 speaks. Lists may be null or absent where they are empty.

export interface Me {
  name: string
  kind: 'user' | 'agent'
  groups?: string[] | null
  admin?: boolean
  passkeys?: number // how many they have
  passkeys_at?: string // origin where passkeys work
  passkeys_off?: string // why they work nowhere
  proven_until?: string // until when this session counts as proved
}

export interface Approval {
  id: string
  status: 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'used'
  principal: string
  principal_kind: string
  groups?: string[] | null
  run: string
  run_agent: string
  run_prompt?: string
  starter: string
  why?: string // as whoever asks says
  grant?: AskedAccess | null // access for a time is asked for, and no command
  target: string
  protocol: string
  database: string
  client_address: string
  session: string
  command: number
  command_kind: string
  text: string
  parameters?: Value[] | null
  sql: SqlFacts | null
  estimate?: Estimate | null // null: none was asked for
  digest: string
  revision: string
  reasons?: { policy: string; message: string }[] | null
  need?: ApprovalRule[] | null
  missing?: string[] | null
  reviews?: ApprovalReview[] | null
  similar: { approved: number; denied: number }
  past?: PastRequest[] | null
  step_up?: boolean // approving needs a passkey
  glass?: ApprovalReview | null // who asked went on without consent
  after?: ApprovalReview | null // what somebody said of that afterwards
  unreviewed?: boolean // nobody has yet
  may_break_glass?: boolean
  requested: string
  expires: string
  decided: string | null
  used: string | null
  by?: string[] | null
  reason: string
  may_review: boolean
  why_not: string
}

// What the target's planner expects of a held statement.
export interface Estimate {
  pending: boolean // on its way
  failure: string // there is none, for this reason
  rows: number
  cost: number
  scans?: { node: string; relation: string; rows: number }[] | null
}

export interface ApprovalReview {
  by: string
  decision: string
  reason: string
  at: string
}

export interface AskedAccess {
  role: string
  from: string | null // null: when it is approved
  until: string | null // null: length after from
  length: number // seconds
}

export interface PastRequest {
  id: string
  principal: string
  status: Approval['status']
  by?: string[] | null
  reason: string
  same: boolean
  requested: string
}

export interface ApprovalStep {
  any?: Reviewers[] | null
  all?: Reviewers[] | null
  escalate?: Reviewers[] | null
  open: boolean
  until: string | null
  escalated: boolean
  satisfied: boolean
}

export interface Grant {
  id: string
  principal: string
  principal_kind: string
  run: string
  target: string
  role: string
  status: 'coming' | 'active' | 'ended' | 'revoked'
  from: string
  until: string
  by?: string[] | null
  reason: string
  revoked: string | null
  revoked_by: string
  revoked_reason: string
  may_revoke: boolean
}

export interface AccessPage {
  grants: Grant[] | null
  requests: Approval[] | null
}

export interface ApprovalRule {
  policy: string
  message: string
  any?: Reviewers[] | null
  all?: Reviewers[] | null
  steps?: ApprovalStep[] | null // instead of any and all: each, in order
  reason_required: boolean
  break_glass?: string[] | null
  automatic: boolean
  satisfied: boolean
}

export interface Reviewers {
  groups?: string[] | null
  agents?: string[] | null
  count: number
  hours?: string // when they count
}

// What became of one of several requests that were reviewed at once.
export interface ReviewResult {
  id: string
  status: Approval['status'] | '' // of the request; empty: the review did not count
  code: string
  problem: string
}

export interface ApprovalPage {
  approvals: Approval[] | null
  more: boolean
}

export interface Resource {
  apiVersion: string
  kind: string
  metadata: { name: string; labels?: Record<string, string> }
  spec: Record<string, unknown>
}

export interface Revision {
  sequence: number
  at: string
  by: string
  change: 'created' | 'changed' | 'deleted'
  yaml: string
}

export interface Change {
  kind: string
  name: string
  change: 'created' | 'changed' | 'unchanged'
  before?: string
  after?: string
}

export interface AuditEntry {
  sequence: number
  at: string
  by: string
  area: string
  what: string
  facts: Record<string, string>
}

export interface AuditPage {
  entries: AuditEntry[] | null
  next: number
}

export interface Health {
  version: string
  started: string
  ready: boolean
  services: string[]
  gateways: string[]
  streams: { name: string; messages: number; bytes: number; first: number; last: number; oldest: string | null; newest: string | null; replicas: number }[]
  projections: { name: string; stream: string; position: number; head: number; lag: number }[]
  rebuild: RebuildProgress | null // that runs in the process that answers
  storage: { name: string; bytes: number }[]
  disk: { total: number; free: number } | null
  memory: number
  problems: string[]
}

export interface Deliveries {
  notifiers: {
    name: string
    kind: string
    running: boolean // some process delivers
    delivered: number
    failed: number
    retrying: number
    error: string // of what is tried again
    next: string | null // when it is
  }[]
  deliveries: {
    notifier: string
    request: string
    what: string // of the request, as told last
    outcome: 'delivered' | 'retrying' | 'failed'
    attempts: number
    error: string
    at: string
  }[]
}

export interface RebuildProgress {
  projection: string
  number: number // of the projection, from 1 on
  of: number
  what: string // is being done, such as 'messages read'; empty: nothing has been told yet
  done: number
  total: number
}

export interface RebuildReport {
  projection: string
  entries: number
  equal: boolean
  differences: string[] | null
  appended: number
}

export interface Session {
  id: string
  principal: string
  principal_kind: string
  groups?: string[] | null
  run: string
  target: string
  target_labels?: Record<string, string> | null
  protocol: string
  database: string
  client_address: string
  client_name: string
  upstream_user: string
  tls: boolean
  gateway: string
  opened: string
  closed: string | null
  open: boolean
  reason: string
  message: string
  commands: number
  rows: number
  bytes_in: number
  bytes_out: number
  denied: number
  held: number
  errors: number
  duration_ms: number
  last_number: number
}

export interface SessionPage {
  sessions: Session[] | null
  next: string
}

export interface Hit {
  session: string
  number: number
  command: number
  sequence: number
  time: string
  principal: string
  target: string
  protocol: string
  field: string
  verdict: string
  kinds?: string[] | null
  snippet: string
  link: string
  run?: string // that it belongs to
  prompt?: string // beginning of the run's, if you may read it
}

export interface HitPage {
  hits: Hit[] | null
  total: number
  next: string
  took_ms: number
  facets?: Record<string, Count[]>
  histogram?: Histogram
}

export interface Count {
  value: string
  count: number
}

export interface Histogram {
  from: string
  seconds: number // of each bar
  counts: number[]
}

export interface SavedSearch {
  name: string
  query: string
}

export interface Failure {
  severity: string
  code: string
  message: string
  detail?: string
  hint?: string
}

export interface Value {
  text: string | null
  null: boolean
  binary?: boolean
  type?: number
  size?: number
  marker?: string
}

export interface SqlFacts {
  kinds?: string[] | null
  reads?: string[] | null
  writes?: string[] | null
  columns?: string[] | null
  functions?: string[] | null
  statements?: number
  unfiltered_write?: boolean
  opaque?: boolean
  unparsed?: boolean
  parse_error?: string
}

export interface Column {
  name: string
  type: string
  masked?: boolean
  binary?: boolean
}

interface Numbered {
  number: number
  at: string
}

interface OfCommand extends Numbered {
  command: number
}

export interface CommandEntry extends Numbered {
  kind: 'command'
  command_kind: string
  text: string
  text_size?: number
  text_first?: number
  statement?: string
  portal?: string
  parameters?: Value[] | null
  sql?: SqlFacts | null
  operation?: { operation: string; path: string; to?: string } | null
  forward?: { direction: string; host: string; port: number } | null
  parent?: number
}

export interface VerdictEntry extends OfCommand {
  kind: 'verdict'
  outcome: string
  reasons?: { policy: string; message: string }[] | null
  revision?: string
  reused?: boolean
  masks?: string[] | null
}

export interface HeldEntry extends OfCommand {
  kind: 'held'
  approval: string
  expires?: string
}

export interface DecidedEntry extends OfCommand {
  kind: 'decided'
  approval: string
  decision: string
  by?: string[] | null
  reason?: string
}

export interface ResultEntry extends OfCommand {
  kind: 'result'
  tag: string
  rows: number
  bytes?: number
  bytes_in?: number
  duration_ms: number
  refused?: boolean
  suspended?: boolean
  error?: Failure | null
}

export interface NoticeEntry extends OfCommand {
  kind: 'notice'
  notice_kind?: string
  body?: Failure | null
  channel?: string
  payload?: string
}

export interface ColumnsEntry extends OfCommand {
  kind: 'columns'
  columns?: Column[] | null
}

export interface RowsEntry extends OfCommand {
  kind: 'rows'
  rows?: (string | null)[][] | null // that end here, whole
  more?: boolean // another goes on here, and ends in a later entry
  problem?: string // the recording is damaged after these
}

export interface BytesEntry extends OfCommand {
  kind: 'bytes'
  channel: string
  format?: string
  text?: string
  base64?: string
}

export interface TextEntry extends Numbered {
  kind: 'text'
  first: number
  offset: number
  text?: string
  base64?: string
  parameter?: number
}

export interface OpenedEntry extends Numbered {
  kind: 'opened'
}

export interface ClosedEntry extends Numbered {
  kind: 'closed'
  reason: string
  message?: string
  by?: string
}

export interface LostEntry extends Numbered {
  kind: 'lost'
  ranges?: { first: number; last: number }[] | null
}

export interface StateEntry extends Numbered {
  kind: 'state'
  name: string
  value: string
}

export interface TerminalEntry extends OfCommand {
  kind: 'terminal'
  type: string
  columns: number
  rows: number
}

export interface ObservedEntry extends OfCommand {
  kind: 'observed'
  text: string
  source: string
  ended: boolean
  exit_status: number
}

export interface FileEntry extends OfCommand {
  kind: 'file'
  path: string
  bytes_in: number
  bytes_out: number
  digest_in: string
  digest_out: string
  kept: boolean
  masked: boolean
}

export interface MaskedEntry extends OfCommand {
  kind: 'masked'
  counts: { mask: string; column: string; detector: string; count: number; revealed: boolean }[] | null
}

export interface SealedEntry extends Numbered {
  kind: 'sealed'
}

export type Entry =
  | OpenedEntry
  | CommandEntry
  | VerdictEntry
  | HeldEntry
  | DecidedEntry
  | ResultEntry
  | NoticeEntry
  | ClosedEntry
  | LostEntry
  | StateEntry
  | TextEntry
  | ColumnsEntry
  | RowsEntry
  | BytesEntry
  | TerminalEntry
  | ObservedEntry
  | FileEntry
  | MaskedEntry
  | SealedEntry

export interface EntryPage {
  entries: Entry[] | null
  next: number
}

export interface ProblemDocument {
  type?: string
  title?: string
  status?: number
  detail?: string
  code?: string
  position?: number // search: 1-based character of the query that is wrong
}

export type PlayMessage =
  | { type: 'entries'; entries: Entry[] | null }
  | { type: 'live' }
  | { type: 'end' }
  | { type: 'error'; problem: ProblemDocument }
