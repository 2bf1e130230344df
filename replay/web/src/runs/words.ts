// What became of a command, in words and in a tone.
import { counted, duration } from '../shell/format'
import type { MaskCount, Step } from './types'

export type Tone = '' | 'good' | 'warn' | 'bad'

export interface Said {
  text: string
  tone: Tone
}

// verdictOf is what was decided, by whom.
export function verdictOf(step: Step): Said {
  const a = step.approval
  if (a) {
    if (!a.decision) return step.result ? { text: 'held, and not waited for', tone: 'warn' } : { text: 'waits for approval', tone: 'warn' }
    const by = a.by?.length ? ` by ${a.by.join(', ')}` : ''
    return { text: `held, then ${a.decision}${by}`, tone: a.decision === 'approved' ? 'good' : 'bad' }
  }
  switch (step.verdict?.outcome) {
    case 'allow':
      return { text: 'allowed', tone: '' }
    case 'deny':
      return { text: 'denied', tone: 'bad' }
    case 'hold':
      return { text: 'held', tone: 'warn' }
  }
  return { text: 'not judged', tone: 'warn' }
}

// resultOf is what came back; nothing for what was refused, since the verdict says that.
export function resultOf(step: Step): Said | null {
  const r = step.result
  if (!r) return null
  if (r.refused) return null
  if (r.error) return { text: `${r.error.code} ${r.error.message}`, tone: 'bad' }
  const rows = r.rows > 0 ? counted(r.rows, 'row') : r.tag.toLowerCase() || 'done'
  return { text: `${rows} in ${duration(r.duration_ms)}`, tone: '' }
}

export const maskedAs = (m: MaskCount) => `${counted(m.count, 'value')} of ${m.column || m.detector} masked`
