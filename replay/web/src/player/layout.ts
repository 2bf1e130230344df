// Layout knows where each item of a long list is, from the heights that were measured and an
// estimate of the others.
export class Layout {
  private keys: number[] = []
  private tops = new Float64Array(1)
  private readonly measured = new Map<number, number>()
  private guess: (key: number) => number

  constructor(guess: (key: number) => number) {
    this.guess = guess
  }

  // set takes the keys of the items in order.
  set(keys: number[]) {
    this.keys = keys
    this.rebuild()
  }

  get total(): number {
    return this.tops[this.keys.length] ?? 0
  }

  top(index: number): number {
    return this.tops[Math.max(0, Math.min(index, this.keys.length))] ?? 0
  }

  height(key: number): number {
    return this.measured.get(key) ?? this.guess(key)
  }

  // index of the item at a height.
  find(y: number): number {
    let low = 0
    let high = Math.max(0, this.keys.length - 1)
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.tops[middle] ?? 0) <= y) low = middle
      else high = middle - 1
    }
    return low
  }

  // measure takes heights as they are, and returns how far everything at and below a height moved
  // because items above it changed.
  measure(heights: Map<number, number>, above: number): number {
    const edge = this.find(above)
    const before = this.top(edge)
    for (const [key, height] of heights) this.measured.set(key, height)
    this.rebuild()
    return this.top(edge) - before
  }

  private rebuild() {
    const n = this.keys.length
    if (this.tops.length < n + 1) this.tops = new Float64Array(Math.ceil((n + 1) * 1.5))
    let top = 0
    for (let i = 0; i < n; i++) {
      this.tops[i] = top
      top += this.height(this.keys[i] ?? 0)
    }
    this.tops[n] = top
  }
}
