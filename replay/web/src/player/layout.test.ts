import { expect, test } from 'vitest'
import { Layout } from './layout'

test('places items by their heights', () => {
  const layout = new Layout(() => 100)
  layout.set([1, 2, 3, 4])
  expect(layout.total).toBe(400)
  expect([0, 99, 100, 399, 5000, -1].map((y) => layout.find(y))).toEqual([0, 0, 1, 3, 3, 0])
})

test('tells how far a measure above moved what is below', () => {
  const layout = new Layout(() => 100)
  layout.set([1, 2, 3, 4])
  expect(layout.measure(new Map([[1, 150], [4, 10]]), 250)).toBe(50)
  expect(layout.top(2)).toBe(250)
  expect(layout.total).toBe(360)
})

test('keeps measures when items come before', () => {
  const layout = new Layout(() => 100)
  layout.set([10, 11])
  layout.measure(new Map([[10, 30]]), 0)
  layout.set([8, 9, 10, 11])
  expect(layout.top(3)).toBe(230)
})

test('an empty list has no height', () => {
  const layout = new Layout(() => 100)
  expect([layout.total, layout.find(10), layout.top(3)]).toEqual([0, 0, 0])
})
