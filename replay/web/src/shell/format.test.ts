import { expect, test } from 'vitest'
import { bytes, count, counted, duration, offset, relative } from './format'

test.each([
  [0.0123, '12 µs'], [0.9999, '1000 µs'], [1.25, '1.3 ms'], [12.6, '13 ms'], [1234, '1.23 s'], [59_000, '59.0 s'],
  [61_000, '1 min 01 s'], [3_660_000, '1 h 01 min'], [200_000_000, '2 d 7 h'], [-1, '–'], [NaN, '–'],
])('duration %d', (ms, want) => expect(duration(ms)).toBe(want))

test.each([[0, '0 bytes'], [1, '1 byte'], [1023, '1,023 bytes'], [1024, '1.0 KiB'], [10_485_760, '10 MiB']])('bytes %d', (n, want) =>
  expect(bytes(n)).toBe(want),
)

test('counts', () => {
  expect(count(1234567)).toBe('1,234,567')
  expect(counted(1, 'row')).toBe('1 row')
  expect(counted(0, 'match', 'matches')).toBe('0 matches')
})

test.each([[3214, '+0:03.214'], [3_723_004, '+1:02:03.004'], [-5, '−0:00.005']])('offset %d', (ms, want) => expect(offset(ms)).toBe(want))

test('how long ago', () => {
  const now = Date.parse('2026-06-15T12:00:00Z')
  const ago = (s: number) => relative(now - s * 1000, now)
  expect([2, 30, 90, 7200, 100_000].map(ago)).toEqual(['just now', '30 s ago', '1 min ago', '2 h ago', '1 day ago'])
  expect(ago(8 * 86_400)).toMatch(/^2026-06-0[67]$/)
})
