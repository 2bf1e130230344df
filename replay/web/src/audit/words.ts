// What control facts say, in words.
import type { AuditEntry } from '../api/types'

export const areas: [string, string][] = [
  ['', 'Everything'],
  ['signin', 'Sign-ins'],
  ['identity', 'Tokens'],
  ['resource', 'Targets, roles, policies, masks'],
  ['approval', 'Approvals'],
  ['grant', 'Access for a time'],
  ['session', 'What was done to sessions'],
  ['run', 'Runs of agents'],
  ['search', 'Saved searches'],
]

export interface Said {
  text: string
  tone: '' | 'good' | 'bad' | 'warn'
  link: string // where it leads; empty: nowhere
}

const session = (e: AuditEntry) => (e.facts.session ? '/sessions/' + encodeURIComponent(e.facts.session) : '')
const approval = (e: AuditEntry) => (e.facts.id ? '/approvals/' + encodeURIComponent(e.facts.id) : '')

const known: Record<string, (e: AuditEntry) => Said> = {
  sign_in: (e) =>
    e.facts.succeeded === 'true'
      ? { text: `signed in over ${e.facts.protocol ?? '?'}`, tone: '', link: '' }
      : { text: `failed to sign in over ${e.facts.protocol ?? '?'}`, tone: 'bad', link: '' },
  token_created: (e) => ({ text: `made a token for ${e.facts['principal name'] ?? '?'}`, tone: '', link: '' }),
  passkey_put: (e) =>
    e.facts.barred === 'true'
      ? { text: `the passkey ${e.facts.label ?? ''} may have been copied, and proves nothing any more`, tone: 'bad', link: '' }
      : { text: `enrolled, named or used the passkey ${e.facts.label ?? ''}`, tone: '', link: '' },
  passkey_removed: (e) => ({ text: `removed a passkey of ${e.facts.user ?? '?'}`, tone: 'warn', link: '' }),
  token_revoked: (e) => ({ text: `revoked the token ${e.facts.id ?? ''}`, tone: 'warn', link: '' }),
  resource_applied: (e) => ({ text: `applied ${e.facts.kind?.toLowerCase() ?? ''} ${e.facts.name ?? ''}`, tone: '', link: resource(e) }),
  resource_deleted: (e) => ({ text: `deleted ${e.facts.kind?.toLowerCase() ?? ''} ${e.facts.name ?? ''}`, tone: 'warn', link: resource(e) }),
  viewed: (e) => ({ text: `looked at a recording (${e.facts.how ?? '?'})`, tone: '', link: session(e) }),
  killed: (e) => ({ text: 'ended a session', tone: 'warn', link: session(e) }),
  steered: (e) => ({ text: `steered a session${e.facts.action ? `: ${e.facts.action}` : ''}`, tone: 'warn', link: session(e) }),
  annotated: (e) => ({ text: 'annotated a recording', tone: '', link: session(e) }),
  annotation_removed: (e) => ({ text: 'removed an annotation', tone: '', link: session(e) }),
  run_opened: (e) => ({ text: `opened a run of ${e.facts['run agent'] ?? '?'}`, tone: '', link: e.facts['run id'] ? '/runs/' + encodeURIComponent(e.facts['run id']) : '' }),
  approval_requested: (e) => ({ text: 'asked for approval', tone: '', link: approval(e) }),
  approval_reviewed: (e) => {
    if (e.facts.decision === 'break_glass') return { text: 'went on without consent', tone: 'bad', link: approval(e) }
    // What ran without consent is used already when somebody reviews it.
    if (e.facts.outcome === 'used') {
      const inOrder = e.facts.decision === 'approve'
      return { text: `said afterwards that going on without consent was ${inOrder ? '' : 'not '}in order`, tone: inOrder ? 'good' : 'bad', link: approval(e) }
    }
    return { text: e.facts.decision === 'deny' ? 'denied a request' : 'approved a request', tone: e.facts.decision === 'deny' ? 'bad' : 'good', link: approval(e) }
  },
  approval_decided: (e) => ({ text: `a request ${e.facts.decision ?? 'was decided'}`, tone: '', link: approval(e) }),
  approval_withdrawn: (e) => ({ text: 'withdrew a request', tone: '', link: approval(e) }),
  approval_used: (e) => ({ text: 'used an approval', tone: '', link: session(e) }),
  grant_made: (e) => ({ text: `got access to ${e.facts.target ?? 'a target'} for a time`, tone: 'good', link: '/access?status=all' }),
  grant_revoked: (e) => ({ text: `took back access to ${e.facts.target ?? 'a target'}`, tone: 'warn', link: '/access?status=all' }),
  grant_ended: (e) => ({ text: `access to ${e.facts.target ?? 'a target'} ended`, tone: '', link: '/access?status=all' }),
  search_saved: (e) => ({ text: `saved the search ${e.facts.name ?? ''}`, tone: '', link: '' }),
  search_forgotten: (e) => ({ text: `forgot the search ${e.facts.name ?? ''}`, tone: '', link: '' }),
}

function resource(e: AuditEntry): string {
  return e.facts.kind && e.facts.name ? `/resources/${e.facts.kind.toLowerCase()}/${encodeURIComponent(e.facts.name)}` : ''
}

// said is what an entry says; of a fact that this page does not know, its name.
export function said(e: AuditEntry): Said {
  return known[e.what]?.(e) ?? { text: e.what.replaceAll('_', ' '), tone: '', link: session(e) }
}
