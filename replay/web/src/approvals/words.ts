// What a request is and needs, in words.
import type { Approval, ApprovalRule, ApprovalStep, AskedAccess, Estimate, Reviewers } from '../api/types'
import { absolute, duration } from '../shell/format'

export const statuses: [string, string][] = [
  ['pending', 'Waiting'],
  ['approved', 'Approved, not yet used'],
  ['used', 'Approved and used'],
  ['unreviewed', 'To review afterwards'],
  ['denied', 'Denied'],
  ['expired', 'Expired'],
  ['withdrawn', 'Withdrawn'],
  ['all', 'All'],
]

export const tones: Record<Approval['status'], [string, string]> = {
  pending: ['waiting', 'warn'],
  approved: ['approved', 'good'],
  used: ['used', 'good'],
  denied: ['denied', 'bad'],
  expired: ['expired', ''],
  withdrawn: ['withdrawn', ''],
}

// onBehalf is whose work it is when an agent asks.
export function onBehalf(a: Approval): string {
  if (a.starter && a.starter !== a.principal) return a.starter
  return ''
}

function people(r: Reviewers): string {
  const of = [...(r.groups ?? []), ...(r.agents ?? []).map((a) => 'agent ' + a)].join(' or ')
  return `${r.count} ${r.count === 1 ? 'person' : 'people'}${of ? ` of ${of}` : ''}${r.hours ? ` (${r.hours})` : ''}`
}

function these(any: Reviewers[] | null | undefined, all: Reviewers[] | null | undefined): string {
  const parts: string[] = []
  if (all?.length) parts.push(all.map(people).join(' and '))
  if (any?.length) parts.push(any.map(people).join(', or '))
  return parts.join(', and ') || 'a reviewer'
}

// asksFor says what a rule needs.
export function asksFor(rule: ApprovalRule): string {
  if (rule.automatic) return 'The policy itself consents.'
  const who = rule.steps?.length ? rule.steps.map(stepWords).join('; then ') : these(rule.any, rule.all)
  return who + (rule.reason_required ? ', with a reason' : '')
}

// stepWords says what one of several steps needs, and whose turn it is.
export function stepWords(step: ApprovalStep): string {
  const who = step.escalated && step.escalate?.length ? `${these(step.any, step.all)}, or by now ${these(step.escalate, null)}` : these(step.any, step.all)
  return who + (step.satisfied ? ' (done)' : step.open ? ' (now)' : '')
}

// asked is what access for a time is asked for.
export function asked(g: AskedAccess): string {
  const until = g.until ? `until ${absolute(Date.parse(g.until))}` : `for ${duration(g.length * 1000)}`
  return g.from ? `from ${absolute(Date.parse(g.from))} ${until}` : until
}

// title is what a request is about, in a line.
export const title = (a: Approval) => (a.grant ? `Access to ${a.target} ${asked(a.grant)}` : a.text)

// reasonNeeded tells whether a review must say why.
export const reasonNeeded = (a: Approval) => (a.need ?? []).some((rule) => rule.reason_required)

// linked is what a link that led to a request chose; whatever else an address says is nothing.
export const linked = (choice: string): 'approve' | 'deny' | '' => (choice === 'approve' || choice === 'deny' ? choice : '')

// most is how many requests the server reviews at once.
export const most = 100

// Outcome is what became of one of several requests that were decided at once.
export interface Outcome {
  request: Approval
  status: Approval['status'] | '' // empty: the review did not count
  problem: string
}

// kind is the first word for a command in a list.
export const kind = (a: Approval) => (a.sql?.kinds ?? []).join(', ') || a.command_kind || a.protocol

// rows is a planner's number.
export const rows = (n: number) => `about ${n < 1e15 ? Math.round(n).toLocaleString('en') : n.toExponential(2)} ${n === 1 ? 'row' : 'rows'}`

// expected is what the planner expects of a statement, or why it is not known.
export const expected = (e: Estimate) => (e.pending ? 'being estimated…' : e.failure ? 'no estimate: ' + e.failure : rows(e.rows))
