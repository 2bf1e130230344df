import { expect, test } from 'vitest'
import type { ApprovalRule } from '../api/types'
import { asksFor } from './words'

const rule = (fields: Partial<ApprovalRule>): ApprovalRule => ({
  policy: 'p', message: '', reason_required: false, automatic: false, satisfied: false, ...fields,
})

test.each<[Partial<ApprovalRule>, string]>([
  [{ any: [{ groups: ['dba'], count: 1 }] }, '1 person of dba'],
  [{ any: [{ groups: ['dba', 'sre'], count: 2 }] }, '2 people of dba or sre'],
  [{ all: [{ groups: ['dba'], count: 1 }, { groups: ['security'], count: 1 }], reason_required: true }, '1 person of dba and 1 person of security, with a reason'],
  [{ automatic: true }, 'The policy itself consents.'],
  [{}, 'a reviewer'],
])('what a rule asks for', (fields, want) => expect(asksFor(rule(fields))).toBe(want))
