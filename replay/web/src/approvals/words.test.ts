import { expect, test } from 'vitest'
import type { ApprovalRule, Estimate } from '../api/types'
import { asksFor, expected, linked } from './words'

const rule = (fields: Partial<ApprovalRule>): ApprovalRule => ({
  policy: 'p', message: '', reason_required: false, automatic: false, satisfied: false, ...fields,
})

test.each<[Partial<ApprovalRule>, string]>([
  [{ any: [{ groups: ['dba'], count: 1 }] }, '1 person of dba'],
  [{ any: [{ groups: ['dba', 'sre'], count: 2 }] }, '2 people of dba or sre'],
  [{ all: [{ groups: ['dba'], count: 1 }, { groups: ['security'], count: 1 }], reason_required: true }, '1 person of dba and 1 person of security, with a reason'],
  [{ automatic: true }, 'The policy itself consents.'],
  [{}, 'a reviewer'],
  [
    {
      steps: [
        { any: [{ groups: ['dba'], count: 1 }], open: false, until: null, escalated: false, satisfied: true },
        { any: [{ groups: ['lead'], count: 1 }], escalate: [{ groups: ['cto'], count: 1 }], open: true, until: null, escalated: true, satisfied: false },
      ],
    },
    '1 person of dba (done); then 1 person of lead, or by now 1 person of cto (now)',
  ],
  [{ any: [{ groups: ['dba'], count: 1, hours: 'Mon-Fri 09:00-17:00' }] }, '1 person of dba (Mon-Fri 09:00-17:00)'],
])('what a rule asks for', (fields, want) => expect(asksFor(rule(fields))).toBe(want))

test.each<[Partial<Estimate>, string]>([
  [{ rows: 1 }, 'about 1 row'],
  [{ rows: 1234567 }, 'about 1,234,567 rows'],
  [{ pending: true }, 'being estimated…'],
  [{ failure: 'a table is locked', rows: 0 }, 'no estimate: a table is locked'],
])('what the planner expects', (fields, want) => expect(expected({ pending: false, failure: '', rows: 0, cost: 0, ...fields })).toBe(want))

test.each([['approve', 'approve'], ['deny', 'deny'], ['break_glass', ''], ['APPROVE', ''], ['', '']])('a link is for %s', (choice, want) => expect(linked(choice)).toBe(want))
