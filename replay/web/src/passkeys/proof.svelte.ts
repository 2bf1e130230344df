import { proveWith } from '../api/client'

// Proof is the question whether it is really them, when the server wants it answered with a passkey. Whatever asked
// for it waits, and is tried again once it was proved.
class Proof {
  asking = $state(false)
  private answer: ((proved: boolean) => void) | null = null
  private pending: Promise<boolean> | null = null

  ask(): Promise<boolean> {
    this.pending ??= new Promise<boolean>((resolve) => {
      this.asking = true
      this.answer = resolve
    })
    return this.pending
  }

  done(proved: boolean) {
    this.asking = false
    this.answer?.(proved)
    this.answer = this.pending = null
  }
}

export const proof = new Proof()
proveWith(() => proof.ask())
