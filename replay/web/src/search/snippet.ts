// The server's snippets are HTML-escaped text with <mark> in it and nothing else. They are parsed
// into pieces that are written as text nodes, so that a snippet can never be markup.

export interface Piece {
  text: string
  marked: boolean
}

const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', hellip: '…' }

export function pieces(snippet: string): Piece[] {
  const out: Piece[] = []
  let marked = false
  for (const part of snippet.split(/(<\/?mark>)/)) {
    if (part === '<mark>') marked = true
    else if (part === '</mark>') marked = false
    else if (part) out.push({ text: unescape(part), marked })
  }
  return out
}

function unescape(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,6}));/g, (whole, decimal, hex, name) => {
    if (name) return names[name] ?? whole
    const point = decimal ? parseInt(decimal, 10) : parseInt(hex, 16)
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}
