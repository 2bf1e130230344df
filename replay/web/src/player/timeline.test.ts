import { describe, expect, test } from 'vitest'
import type { Entry } from '../api/types'
import { chunkAt, isProblem, outcome, partsOf } from './outcome'
import { shortText, Timeline, type CommandStep } from './timeline'

const at = (n: number) => new Date(1_800_000_000_000 + n * 1000).toISOString()

function story(): Entry[] {
  return [
    { kind: 'opened', number: 1, at: at(0) },
    { kind: 'state', number: 2, at: at(0), name: 'TimeZone', value: 'UTC' },
    { kind: 'state', number: 3, at: at(0), name: 'DateStyle', value: 'ISO' },
    { kind: 'command', number: 4, at: at(1), command_kind: 'query', text: 'select 1; select 2' },
    { kind: 'verdict', number: 5, at: at(1), command: 4, outcome: 'allow' },
    { kind: 'columns', number: 6, at: at(1), command: 4, columns: [{ name: 'a', type: 'int4' }] },
    { kind: 'rows', number: 7, at: at(1), command: 4, rows: [['1'], [null]] },
    { kind: 'rows', number: 8, at: at(1), command: 4, rows: [['3']] },
    { kind: 'result', number: 9, at: at(1), command: 4, tag: 'SELECT 3', rows: 3, duration_ms: 1 },
    { kind: 'columns', number: 10, at: at(1), command: 4, columns: [{ name: 'b', type: 'text' }] },
    { kind: 'rows', number: 11, at: at(1), command: 4, rows: [['x']] },
    { kind: 'result', number: 12, at: at(1), command: 4, tag: 'SELECT 1', rows: 1, duration_ms: 1 },
    { kind: 'command', number: 13, at: at(2), command_kind: 'query', text: 'drop table customers' },
    { kind: 'verdict', number: 14, at: at(2), command: 13, outcome: 'deny', reasons: [{ policy: 'p', message: 'no' }] },
    {
      kind: 'result', number: 15, at: at(2), command: 13, tag: '', rows: 0, duration_ms: 0, refused: true,
      error: { severity: 'ERROR', code: '42501', message: 'no' },
    },
    { kind: 'command', number: 16, at: at(3), command_kind: 'query', text: 'selec' },
    { kind: 'result', number: 17, at: at(3), command: 16, tag: '', rows: 0, duration_ms: 0, error: { severity: 'ERROR', code: '42601', message: 'syntax' } },
    { kind: 'command', number: 18, at: at(4), command_kind: 'query', text: 'delete from t' },
    { kind: 'held', number: 19, at: at(4), command: 18, approval: 'a1' },
    { kind: 'closed', number: 20, at: at(5), reason: 'client' },
  ]
}

const commandAt = (timeline: Timeline, number: number) => timeline.command(number) as CommandStep

describe('the fold', () => {
  test('puts what belongs to a command under it', () => {
    const timeline = new Timeline()
    timeline.apply(story())
    expect(timeline.steps.map((s) => [s.kind, s.number])).toEqual([
      ['mark', 1], ['states', 2], ['command', 4], ['command', 13], ['command', 16], ['command', 18], ['mark', 20],
    ])
    const { sets, verdict } = partsOf(commandAt(timeline, 4))
    expect(verdict?.outcome).toBe('allow')
    expect(sets.map((s) => [s.columns?.number, s.rows, s.result?.tag])).toEqual([[6, 3, 'SELECT 3'], [10, 1, 'SELECT 1']])
  })

  test('tells outcomes apart', () => {
    const timeline = new Timeline()
    timeline.apply(story())
    expect([4, 13, 16, 18].map((n) => outcome(commandAt(timeline, n)))).toEqual(['ok', 'denied', 'error', 'held'])
    expect(timeline.steps.filter(isProblem).map((s) => s.number)).toEqual([13, 16, 18])
    timeline.apply([{ kind: 'decided', number: 21, at: at(6), command: 18, approval: 'a1', decision: 'approved' }])
    expect(outcome(commandAt(timeline, 18))).toBe('running')
  })

  test('does not depend on order, nor on repetition', () => {
    const forward = new Timeline()
    forward.apply(story())
    const pages = new Timeline()
    pages.apply(story().slice(7))
    expect(pages.missing()).toEqual([4])
    pages.apply(story().slice(3, 7))
    pages.apply(story().slice(0, 5))
    pages.apply(story())
    const shape = (t: Timeline) => t.steps.map((s) => [s.number, s.kind === 'command' ? s.parts.map((p) => p.number) : s.kind === 'states' ? s.states.length : 0])
    expect(shape(pages)).toEqual(shape(forward))
    expect(pages.missing()).toEqual([])
  })

  test('finds the step of any entry', () => {
    const timeline = new Timeline()
    timeline.apply(story())
    expect([1, 3, 4, 8, 12, 15, 19, 20, 99].map((n) => timeline.step(n)?.number)).toEqual([1, 2, 4, 4, 4, 13, 18, 20, 20])
  })

  test('keeps few rows in memory and takes them back', () => {
    const timeline = new Timeline(20_000)
    const rows = (number: number): Entry => ({ kind: 'rows', number, at: at(1), command: 1, rows: [['x'.repeat(4000)]] })
    timeline.apply([{ kind: 'command', number: 1, at: at(1), command_kind: 'query', text: 'select' }, ...[2, 3, 4, 5].map(rows)])
    const chunks = partsOf(commandAt(timeline, 1)).sets[0]?.chunks ?? []
    expect(chunks.map((c) => c.cells !== null)).toEqual([false, false, true, true])
    expect(chunks.map((c) => c.count)).toEqual([1, 1, 1, 1])
    timeline.apply([rows(2)])
    expect(chunks.map((c) => c.cells !== null)).toEqual([true, false, false, true])
  })

  test('cuts long texts and says so', () => {
    const timeline = new Timeline()
    timeline.apply([{ kind: 'command', number: 1, at: at(1), command_kind: 'query', text: 'x'.repeat(shortText + 1) }])
    expect(commandAt(timeline, 1).command).toMatchObject({ short: true, text: 'x'.repeat(shortText) })
  })

  test('lets old steps go', () => {
    const timeline = new Timeline()
    timeline.apply(story())
    expect(timeline.trim(2)).toBe(18)
    expect(timeline.steps.map((s) => s.number)).toEqual([18, 20])
    expect(timeline.command(4)).toBeUndefined()
  })

  test('knows what was prepared under a name', () => {
    const timeline = new Timeline()
    timeline.apply([
      { kind: 'command', number: 1, at: at(1), command_kind: 'prepare', statement: 's', text: 'select $1' },
      { kind: 'command', number: 2, at: at(1), command_kind: 'prepare', statement: 's', text: 'select $1 + 1' },
      { kind: 'command', number: 3, at: at(1), command_kind: 'execute', statement: 's', text: '' },
    ])
    expect(timeline.prepared('s', 3)).toBe('select $1 + 1')
    expect(timeline.prepared('other', 3)).toBe('')
  })
})

test('rows are found in their chunks', () => {
  const timeline = new Timeline()
  timeline.apply(story())
  const chunks = partsOf(commandAt(timeline, 4)).sets[0]?.chunks ?? []
  expect(chunkAt(chunks, 2)).toMatchObject({ first: 2, chunk: { number: 8 } })
  expect(chunkAt(chunks, 3)).toBeNull()
})
