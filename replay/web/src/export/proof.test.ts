import { describe, expect, it } from 'vitest'
import { envelope, fields } from './proto'
import { nanoseconds } from './proof'

describe('proto', () => {
  it('reads numbers and lengths', () => {
    const data = new Uint8Array([0x20, 0xac, 0x02, 0x4a, 0x02, 0x61, 0x62])
    expect([...fields(data)].map((f) => [f.number, f.value, f.bytes.length])).toEqual([[4, 300n, 0], [9, 0n, 2]])
    expect(envelope(data)).toMatchObject({ number: 300, session: 'ab', entries: [] })
  })
  it('refuses what is cut off', () => {
    for (const data of [[0x4a, 0x05, 0x61], [0x20], [0x20, 0x80], [0x23]]) expect(() => [...fields(new Uint8Array(data))]).toThrow()
  })
})

describe('nanoseconds', () => {
  it('reads as many digits as there are', () => {
    expect(nanoseconds('1970-01-01T00:00:01Z')).toBe(1_000_000_000n)
    expect(nanoseconds('1970-01-01T00:00:01.5Z')).toBe(1_500_000_000n)
    expect(nanoseconds('1970-01-01T00:00:00.000000001Z')).toBe(1n)
  })
})
