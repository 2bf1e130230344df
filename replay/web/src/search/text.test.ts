import { expect, test } from 'vitest'
import { between, contextOf, stateOf, term, toggled, words } from './text'

test('words', () => expect(words('a who:"b c" "d \\" e" -f:g')).toEqual(['a', 'who:"b c"', '"d \\" e"', '-f:g']))

test.each([
  ['who', 'alice@example.com', 'who:alice@example.com'],
  ['who', 'a b', 'who:"a b"'],
  ['who', 'a"b\\', 'who:"a\\"b\\\\"'],
  ['who', 'OR', 'who:"OR"'],
])('term of %s %s', (field, value, want) => expect(term(field, value)).toBe(want))

test('a value is asked for, excluded, and neither', () => {
  const q = '"drop table" kind:DROP'
  expect(stateOf(q, 'kind', 'drop')).toBe('in')
  expect(toggled(q, 'kind', 'DROP', 'in')).toBe('"drop table"')
  expect(toggled(q, 'kind', 'DROP', 'out')).toBe('"drop table" -kind:DROP')
  expect(stateOf('-kind:DROP', 'kind', 'DROP')).toBe('out')
  expect(toggled('-kind:DROP', 'kind', 'DROP', 'out')).toBe('')
  expect(toggled('a OR b', 'who', 'x', 'in')).toBe('(a OR b) who:x')
})

test('a span of time takes the place of another', () =>
  expect(between('x after:1h before:now', new Date('2026-11-26T10:00:00Z'), new Date('2026-11-26T11:00:00Z'))).toBe(
    'x after:2026-11-26T10:00:00Z before:2026-11-26T11:00:00Z',
  ))

test.each([
  ['wh', 2, { field: '', prefix: 'wh', from: 0, to: 2 }],
  ['x who:al', 8, { field: 'who', prefix: 'al', from: 6, to: 8 }],
  ['x -who:al y', 9, { field: 'who', prefix: 'al', from: 7, to: 9 }],
  ['kind:(DR', 8, { field: '', prefix: 'dr', from: 6, to: 8 }],
  ['nosuch:x', 8, null],
  ['"who:a', 6, null],
  ['a.b', 3, null],
])('context of %s', (text, caret, want) => expect(contextOf(text, caret)).toEqual(want))
