import { expect, test } from 'vitest'
import { diff, faultsOf } from './diff'

const shown = (before: string, after: string) => diff(before, after).map((l) => l.sign + l.text)

test('a changed line stands between those that stay', () => expect(shown('a\nb\nc\n', 'a\nx\nc\n')).toEqual([' a', '-b', '+x', ' c']))
test('all is new, or gone', () => {
  expect(shown('', 'a\nb\n')).toEqual(['+a', '+b'])
  expect(shown('a\nb\n', '')).toEqual(['-a', '-b'])
})
test('the same', () => expect(shown('a\n', 'a')).toEqual([' a']))
test('lines that a message names', () => expect(faultsOf('request:7:12: spec.verdict: bad\nrequest:9:1: x')).toEqual([7, 9]))
