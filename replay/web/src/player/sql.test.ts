import { describe, expect, test } from 'vitest'
import { nameOf, tokens, type TokenKind } from './sql'

const kinds = (text: string, kind: TokenKind) => tokens(text).filter((t) => t.kind === kind).map((t) => t.text)

describe('tokens', () => {
  const cases: [string, TokenKind, string[]][] = [
    ["SELECT 'it''s' FROM t", 'string', ["'it''s'"]],
    ["select E'a\\'b' , 'c'", 'string', ["E'a\\'b'", "'c'"]],
    ['select $$ it\'s $$, $a$ $$ $a$', 'string', ["$$ it's $$", '$a$ $$ $a$']],
    ['select /* a /* b */ c */ 1', 'comment', ['/* a /* b */ c */']],
    ['select 1 -- one\n, 2', 'comment', ['-- one']],
    ['select 1, 2.5e3, 0xFF', 'number', ['1', '2.5e3', '0xFF']],
    ['select $1, $22', 'parameter', ['$1', '$22']],
    ['select "Sel""ect" from "t"', 'name', ['"Sel""ect"', '"t"']],
    ['Select selected From x', 'keyword', ['Select', 'From']],
    ["select 'unfinished", 'string', ["'unfinished"]],
    ['/* unfinished', 'comment', ['/* unfinished']],
    ['a\u202Eb', 'hidden', ['\u202E']],
  ]
  test.each(cases)('%j: %s', (text, kind, want) => expect(kinds(text, kind)).toEqual(want))
})

test('what is hidden gets a name', () => expect(nameOf('\u202e')).toBe('U+202E'))

test('pieces of any text make the text again', () => {
  const alphabet = ['select', ' ', "'", '"', '$', '$a$', '$1', '/*', '*/', '--', '\n', '1.5', '\\', 'E', 'é', '😀', '\u202e', '\ud800', ';', '(']
  let seed = 42
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff
  for (let i = 0; i < 3000; i++) {
    let text = ''
    for (let n = Math.floor(random() * 14); n >= 0; n--) text += alphabet[Math.floor(random() * alphabet.length)]
    const out = tokens(text)
    expect(out.map((t) => t.text).join('')).toBe(text)
    expect(out.every((t) => t.text.length > 0)).toBe(true)
  }
})

test('a long text takes no long time', () => {
  const text = "('" + 'x'.repeat(200_000) + '\n' + '((('.repeat(50_000) + '/*'.repeat(20_000)
  const start = performance.now()
  tokens(text)
  expect(performance.now() - start).toBeLessThan(2000)
})
