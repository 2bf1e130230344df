// A terminal without a window: xterm.js keeps the cells, Screen.svelte draws them. Its own drawing
// would need inline styles, which the policy forbids, and would leave nothing for a screen reader.
import { Unicode11Addon } from '@xterm/addon-unicode11/lib/addon-unicode11.mjs'
import { Terminal } from '@xterm/headless/lib-headless/xterm-headless.mjs'
import { fromBase64 } from '../base64'

export interface Run {
  text: string
  wide: boolean
  look: string // classes
  fg: string // a colour that is no class; empty: none
  bg: string
}

export class Emulator {
  readonly terminal: Terminal
  private pending = 0
  private idle: (() => void)[] = []

  constructor(columns: number, rows: number, scrollback = 2000) {
    this.terminal = new Terminal({ cols: columns > 1 ? columns : 80, rows: rows > 0 ? rows : 24, scrollback, allowProposedApi: true, logLevel: 'off' })
    this.terminal.loadAddon(new Unicode11Addon())
    this.terminal.unicode.activeVersion = '11'
  }

  write(data: Uint8Array, done?: () => void) {
    this.pending++
    this.terminal.write(data, () => {
      this.pending--
      done?.()
      if (this.pending === 0) for (const f of this.idle.splice(0)) f()
    })
  }

  // settled waits until all that was written is on the screen.
  settled(): Promise<void> {
    return this.pending === 0 ? Promise.resolve() : new Promise((done) => this.idle.push(done))
  }

  // A client without a window says that its size is 0: that is no size.
  resize(columns: number, rows: number) {
    if (columns > 1 && rows > 0) this.terminal.resize(columns, rows)
  }

  get lines(): number {
    return this.terminal.buffer.active.baseY + this.terminal.rows
  }

  get base(): number {
    return this.terminal.buffer.active.baseY
  }

  get cursor(): { x: number; y: number } {
    const b = this.terminal.buffer.active
    return { x: b.cursorX, y: b.baseY + b.cursorY }
  }

  // runs splits a line of the buffer into stretches that look alike.
  runs(y: number): Run[] {
    const line = this.terminal.buffer.active.getLine(y)
    const out: Run[] = []
    if (!line) return out
    let last: Run | undefined
    let blank = 0
    const cell = this.terminal.buffer.active.getNullCell()
    for (let x = 0; x < line.length; x++) {
      line.getCell(x, cell)
      const width = cell.getWidth()
      if (width === 0) continue
      const text = cell.getChars() || ' '
      const run = look(cell)
      if (text === ' ' && run.look === '' && run.fg === '' && run.bg === '') {
        blank++
        continue
      }
      if (blank > 0) {
        if (last && !last.wide && last.look === '' && !last.fg && !last.bg) last.text += ' '.repeat(blank)
        else out.push((last = { text: ' '.repeat(blank), wide: false, look: '', fg: '', bg: '' }))
        blank = 0
      }
      if (last && width === 1 && !last.wide && last.look === run.look && last.fg === run.fg && last.bg === run.bg) last.text += text
      else out.push((last = { text, wide: width === 2, ...run }))
    }
    return out
  }

  text(y: number): string {
    return this.terminal.buffer.active.getLine(y)?.translateToString(true) ?? ''
  }

  dispose() {
    this.terminal.dispose()
  }
}

type Cell = ReturnType<Terminal['buffer']['active']['getNullCell']>

function look(cell: Cell): { look: string; fg: string; bg: string } {
  let fg = colour(cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor())
  let bg = colour(cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor())
  const classes: string[] = []
  if (cell.isInverse()) {
    ;[fg, bg] = [bg || 'page', fg || 'text']
  }
  if (cell.isBold()) {
    classes.push('b')
    if (/^[0-7]$/.test(fg)) fg = String(Number(fg) + 8)
  }
  if (cell.isDim()) classes.push('d')
  if (cell.isItalic()) classes.push('i')
  if (cell.isUnderline()) classes.push('u')
  if (cell.isStrikethrough()) classes.push('s')
  if (cell.isOverline()) classes.push('o')
  if (cell.isInvisible()) classes.push('v')
  if (fg && !fg.startsWith('#')) classes.push('f' + fg)
  if (bg && !bg.startsWith('#')) classes.push('g' + bg)
  return { look: classes.join(' '), fg: fg.startsWith('#') ? fg : '', bg: bg.startsWith('#') ? bg : '' }
}

// colour is a number below 16 (a class), "#rrggbb", or nothing.
function colour(rgb: boolean, palette: boolean, n: number): string {
  if (rgb) return '#' + n.toString(16).padStart(6, '0')
  if (!palette) return ''
  return n < 16 ? String(n) : paletteColour(n)
}

// paletteColour is xterm's: a cube of 6×6×6 colours and 24 greys.
export function paletteColour(n: number): string {
  const hex = (v: number) => v.toString(16).padStart(2, '0')
  if (n >= 232) return '#' + hex(8 + 10 * (n - 232)).repeat(3)
  const step = (v: number) => (v === 0 ? 0 : 55 + 40 * v)
  const i = n - 16
  return '#' + hex(step(Math.floor(i / 36))) + hex(step(Math.floor(i / 6) % 6)) + hex(step(i % 6))
}

export function bytesOf(entry: { text?: string; base64?: string }): Uint8Array {
  if (entry.text !== undefined) return encoder.encode(entry.text)
  return fromBase64(entry.base64 ?? '')
}

const encoder = new TextEncoder()
