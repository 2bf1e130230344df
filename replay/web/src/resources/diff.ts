// A line-by-line difference of two small texts.

export interface Line {
  sign: ' ' | '+' | '-'
  text: string
}

export function diff(before: string, after: string): Line[] {
  const a = lines(before)
  const b = lines(after)
  // same[i][j] is how many lines a[i:] and b[j:] have in common, in order.
  const same = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      same[i]![j] = a[i] === b[j] ? same[i + 1]![j + 1]! + 1 : Math.max(same[i + 1]![j]!, same[i]![j + 1]!)
    }
  }
  const out: Line[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push({ sign: ' ', text: a[i]! })
      i++
      j++
    } else if (i < a.length && (j === b.length || same[i + 1]![j]! >= same[i]![j + 1]!)) {
      out.push({ sign: '-', text: a[i++]! })
    } else {
      out.push({ sign: '+', text: b[j++]! })
    }
  }
  return out
}

const lines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

// faultsOf finds the lines that a message about a file names, as name:line:column.
export function faultsOf(message: string): number[] {
  return [...message.matchAll(/\brequest:(\d+):\d+/g)].map((m) => Number(m[1]))
}
