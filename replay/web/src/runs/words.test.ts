import { expect, test } from 'vitest'
import type { Step } from './types'
import { maskedAs, resultOf, verdictOf } from './words'

const step = (over: Partial<Step>): Step => ({
  number: 2, at: '2026-11-01T10:00:00Z', command_kind: 'query', text: 'SELECT 1', cut: false, verdict: { outcome: 'allow' }, approval: null, result: null, link: '/sessions/x?at=2', ...over,
})
const done = { tag: 'SELECT 3', rows: 3, duration_ms: 12, refused: false, error: null }

test('a verdict is told with who decided', () => {
  expect(verdictOf(step({}))).toEqual({ text: 'allowed', tone: '' })
  expect(verdictOf(step({ verdict: { outcome: 'deny' } }))).toEqual({ text: 'denied', tone: 'bad' })
  const held = step({ verdict: { outcome: 'hold' }, approval: { id: 'a-1', decision: '', by: [], reason: '' } })
  expect(verdictOf(held).text).toBe('waits for approval')
  expect(verdictOf({ ...held, result: { ...done, refused: true } }).text).toBe('held, and not waited for')
  expect(verdictOf({ ...held, approval: { id: 'a-1', decision: 'approved', by: ['bob'], reason: '' } })).toEqual({ text: 'held, then approved by bob', tone: 'good' })
  expect(verdictOf(step({ verdict: null })).tone).toBe('warn')
})

test('a result is rows, a tag or an error', () => {
  expect(resultOf(step({ result: done }))?.text).toBe('3 rows in 12 ms')
  expect(resultOf(step({ result: { ...done, rows: 0, tag: 'BEGIN' } }))?.text).toBe('begin in 12 ms')
  expect(resultOf(step({ result: { ...done, error: { severity: 'ERROR', code: '42P01', message: 'no such table' } } }))?.text).toBe('42P01 no such table')
  expect(resultOf(step({ result: { ...done, refused: true } }))).toBe(null)
  expect(resultOf(step({}))).toBe(null)
})

test('masks are counted', () => {
  expect(maskedAs({ mask: 'pii', column: 'email', detector: '', count: 2 })).toBe('2 values of email masked')
  expect(maskedAs({ mask: 'pii', column: '', detector: 'credit-card', count: 1 })).toBe('1 value of credit-card masked')
})
