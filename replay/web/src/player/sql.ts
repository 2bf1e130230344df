// A small tokenizer of PostgreSQL's lexical rules, for colour only: nothing is decided by it.

export type TokenKind = 'keyword' | 'string' | 'number' | 'comment' | 'name' | 'parameter' | 'hidden' | 'text'

export interface Token {
  kind: TokenKind
  text: string
}

const keywords = new Set(
  `abort all alter analyze and any array as asc begin between both by call cascade case cast check close cluster
   collate column comment commit concurrently conflict constraint copy create cross cube current_date
   current_role current_time current_timestamp current_user cursor database deallocate declare default delete
   desc discard distinct do drop else end escape except execute exists explain extension extract false fetch
   filter first following for force foreign from full function grant group grouping having if ilike in index
   inner insert intersect interval into is isnull join key language last lateral left like limit listen local
   lock materialized merge natural no not nothing notify notnull null nulls of off offset on only or order outer
   over overlaps partition policy prepare primary procedure publication range recursive references refresh
   reindex release reset restrict returning revoke right role rollback rollup row rows savepoint schema select
   sequence session session_user set sets show similar some start stdin stdout subscription table tablespace
   temp temporary then to trigger trigger true truncate type union unique unlisten unlogged update user using vacuum
   values variadic view when where window with within without work`.split(/\s+/),
)

// Characters that change how text looks without being seen: bidirectional controls, zero-width
// characters, and control characters. A reader must see them.
const hidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const spaces = /[ \t\r\n]+/y
const lineComment = /--[^\n]*/y
const escapeString = /[eE]'(?:[^'\\]|''|\\[^])*'?/y
const plainString = /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'?/y
const quotedName = /(?:[uU]&)?"(?:[^"]|"")*"?/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const parameter = /\$\d+/y
const number = /(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y

// tokens splits a text; the pieces put together are the text.
export function tokens(text: string): Token[] {
  const out: Token[] = []
  let at = 0
  while (at < text.length) {
    const token = next(text, at)
    at += token.text.length
    const last = out[out.length - 1]
    if (last && last.kind === token.kind && token.kind === 'text') last.text += token.text
    else out.push(token)
  }
  return out.flatMap(reveal)
}

function next(text: string, at: number): Token {
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0] ?? ''
  }
  let m = match(spaces)
  if (m) return { kind: 'text', text: m }
  if (text.startsWith('/*', at)) return { kind: 'comment', text: text.slice(at, blockEnd(text, at)) }
  if ((m = match(lineComment))) return { kind: 'comment', text: m }
  if ((m = match(escapeString) || match(plainString))) return { kind: 'string', text: m }
  if ((m = match(quotedName))) return { kind: 'name', text: m }
  if ((m = match(dollarTag))) return { kind: 'string', text: text.slice(at, dollarEnd(text, at, m)) }
  if ((m = match(parameter))) return { kind: 'parameter', text: m }
  if ((m = match(number))) return { kind: 'number', text: m }
  if ((m = match(word))) return { kind: keywords.has(m.toLowerCase()) ? 'keyword' : 'text', text: m }
  const point = text.codePointAt(at) ?? 0
  return { kind: 'text', text: String.fromCodePoint(point) }
}

// PostgreSQL's block comments nest.
function blockEnd(text: string, at: number): number {
  const edge = /\/\*|\*\//g
  edge.lastIndex = at
  let depth = 0
  for (let m = edge.exec(text); m; m = edge.exec(text)) {
    depth += m[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  return text.length
}

function dollarEnd(text: string, at: number, tag: string): number {
  const end = text.indexOf(tag, at + tag.length)
  return end < 0 ? text.length : end + tag.length
}

function reveal(token: Token): Token[] {
  if (token.text.search(hidden) < 0) return [token]
  const out: Token[] = []
  let from = 0
  for (const m of token.text.matchAll(hidden)) {
    if (m.index > from) out.push({ kind: token.kind, text: token.text.slice(from, m.index) })
    out.push({ kind: 'hidden', text: m[0] })
    from = m.index + m[0].length
  }
  if (from < token.text.length) out.push({ kind: token.kind, text: token.text.slice(from) })
  return out
}

// nameOf is what a hidden character is shown as.
export const nameOf = (character: string) => 'U+' + (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
