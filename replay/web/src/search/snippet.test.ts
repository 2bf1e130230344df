import { expect, test } from 'vitest'
import { pieces } from './snippet'

test('marks are pieces', () => {
  expect(pieces('DROP TABLE <mark>customers</mark>;')).toEqual([
    { text: 'DROP TABLE ', marked: false },
    { text: 'customers', marked: true },
    { text: ';', marked: false },
  ])
})

test('escapes are undone once', () => {
  expect(pieces('a &lt;b&gt; &amp;amp; &quot;&#39;&#x27;').map((p) => p.text)).toEqual(['a <b> &amp; "\'\''])
})

test('nothing else is markup', () => {
  const evil = '<img src=x onerror=alert(1)><mark onclick=x>a</mark>&lt;mark&gt;b&lt;/mark&gt;<MARK>'
  const out = pieces(evil)
  expect(out.map((p) => p.text).join('')).toBe('<img src=x onerror=alert(1)><mark onclick=x>a<mark>b</mark><MARK>')
  expect(out.every((p) => !p.marked)).toBe(true)
})

test('a broken entity stays as it is', () => {
  expect(pieces('&#0; &#99999999; &nosuch; &')).toEqual([{ text: '&#0; &#99999999; &nosuch; &', marked: false }])
})

test('no snippet, no pieces', () => expect(pieces('')).toEqual([]))
