// Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding/): as much of it
// as an export needs to check itself.

export interface Field {
  number: number
  value: bigint // of varints and fixed numbers
  bytes: Uint8Array // of everything that has a length
}

export function* fields(data: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = data[at++]
      if (b === undefined) break
      value |= BigInt(b & 0x7f) << shift
      if (b < 0x80) return BigInt.asUintN(64, value)
    }
    throw new Error('a number has no end')
  }
  while (at < data.length) {
    const key = varint()
    const number = Number(key >> 3n)
    switch (Number(key & 7n)) {
      case 0:
        yield { number, value: varint(), bytes: none }
        break
      case 1:
      case 5: {
        const size = Number(key & 7n) === 1 ? 8 : 4
        at += size
        yield { number, value: 0n, bytes: none }
        break
      }
      case 2: {
        const size = Number(varint())
        if (at + size > data.length) throw new Error('a field is cut off')
        yield { number, value: 0n, bytes: data.subarray(at, at + size) }
        at += size
        break
      }
      default:
        throw new Error('a field is of no known kind')
    }
  }
}

const none = new Uint8Array()

export interface Envelope {
  number: number
  previous: Uint8Array
  frames: { sequence: number; number: number; hash: Uint8Array } | null
  session: string
  entries: Recorded[]
}

// Recorded is an entry as it is stored: its number, time, and the part that says what it is.
export interface Recorded {
  number: number
  at: bigint
  kind: number
  part: Uint8Array
}

const text = new TextDecoder()

export function envelope(data: Uint8Array): Envelope {
  const e: Envelope = { number: 0, previous: none, frames: null, session: '', entries: [] }
  for (const f of fields(data)) {
    if (f.number === 4) e.number = Number(f.value)
    else if (f.number === 6) e.previous = f.bytes
    else if (f.number === 7) e.frames = head(f.bytes)
    else if (f.number === 9) e.session = text.decode(f.bytes)
    else if (f.number === 10) for (const b of fields(f.bytes)) if (b.number === 1) e.entries.push(entry(b.bytes))
  }
  return e
}

function head(data: Uint8Array) {
  const h = { sequence: 0, number: 0, hash: none as Uint8Array }
  for (const f of fields(data)) {
    if (f.number === 1) h.sequence = Number(f.value)
    else if (f.number === 2) h.number = Number(f.value)
    else if (f.number === 3) h.hash = f.bytes
  }
  return h
}

function entry(data: Uint8Array): Recorded {
  const e: Recorded = { number: 0, at: 0n, kind: 0, part: none }
  for (const f of fields(data)) {
    if (f.number === 1) e.number = Number(f.value)
    else if (f.number === 2) e.at = f.value
    else if (f.number >= 10) {
      e.kind = f.number
      e.part = f.bytes
    }
  }
  return e
}

// part reads the fields of an entry's part: the first of each number.
export function partOf(data: Uint8Array): Map<number, Field> {
  const out = new Map<number, Field>()
  for (const f of fields(data)) if (!out.has(f.number)) out.set(f.number, f)
  return out
}
