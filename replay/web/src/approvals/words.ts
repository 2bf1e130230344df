// What a request is and needs, in words.
import type { Approval, ApprovalRule, Reviewers } from '../api/types'

export const statuses: [string, string][] = [
  ['pending', 'Waiting'],
  ['approved', 'Approved, not yet used'],
  ['used', 'Approved and used'],
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
  const groups = (r.groups ?? []).join(' or ')
  return `${r.count} ${r.count === 1 ? 'person' : 'people'}${groups ? ` of ${groups}` : ''}`
}

// asksFor says what a rule needs.
export function asksFor(rule: ApprovalRule): string {
  if (rule.automatic) return 'The policy itself consents.'
  const parts: string[] = []
  if (rule.all?.length) parts.push(rule.all.map(people).join(' and '))
  if (rule.any?.length) parts.push(rule.any.map(people).join(', or '))
  return (parts.join(', and ') || 'a reviewer') + (rule.reason_required ? ', with a reason' : '')
}

// reasonNeeded tells whether a review must say why.
export const reasonNeeded = (a: Approval) => (a.need ?? []).some((rule) => rule.reason_required)

// kind is the first word for a command in a list.
export const kind = (a: Approval) => (a.sql?.kinds ?? []).join(', ') || a.command_kind || a.protocol
