// Rows and bytes can be without end; what is kept of them is not. A payload that is let go stays
// known by its number and is fetched again when somebody looks at it.

export interface Payload {
  cost: number // bytes, about
  release: () => void
}

export class Payloads {
  private readonly budget: number
  private used = 0
  private readonly held = new Set<Payload>() // in order of use, oldest first

  constructor(budget: number) {
    this.budget = budget
  }

  // touch says that a payload is there and was used just now.
  touch(payload: Payload) {
    if (!this.held.delete(payload)) this.used += payload.cost
    this.held.add(payload)
    for (const oldest of this.held) {
      if (this.used <= this.budget || oldest === payload) break
      this.forget(oldest)
      oldest.release()
    }
  }

  forget(payload: Payload) {
    if (this.held.delete(payload)) this.used -= payload.cost
  }

  clear() {
    this.held.clear()
    this.used = 0
  }
}
