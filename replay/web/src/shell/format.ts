// Figures and times in words.

const integer = new Intl.NumberFormat('en')

export const count = (n: number) => integer.format(n)

export const counted = (n: number, one: string, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`

export function bytes(n: number): string {
  if (n < 1024) return counted(n, 'byte')
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = n
  let unit = -1
  do {
    value /= 1024
    unit++
  } while (value >= 1024 && unit < units.length - 1)
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

const two = (n: number) => String(n).padStart(2, '0')

// duration is short, with about three figures of it meaning something.
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  if (ms === 0) return '0 s'
  if (ms < 1) return `${Math.round(ms * 1000)} µs`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`
}

// ticking is the duration of what goes on, in whole seconds.
export const ticking = (ms: number) => (ms < 60_000 ? `${Math.floor(Math.max(0, ms) / 1000)} s` : duration(ms))

export function relative(at: number, now: number): string {
  const s = Math.round((now - at) / 1000)
  if (s < -5) return absolute(at)
  if (s < 5) return 'just now'
  if (s < 60) return `${s} s ago`
  if (s < 3600) return `${Math.floor(s / 60)} min ago`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`
  if (s < 7 * 86_400) return `${counted(Math.floor(s / 86_400), 'day')} ago`
  return day(at)
}

function day(at: number): string {
  const d = new Date(at)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
}

export function wallClock(at: number): string {
  const d = new Date(at)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`
}

// absolute is the reader's own time, with its distance from UTC.
export function absolute(at: number): string {
  const d = new Date(at)
  const minutes = -d.getTimezoneOffset()
  const zone = minutes === 0 ? 'UTC' : `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`
  return `${day(at)} ${wallClock(at)} ${zone}`
}

// offset is how far into the session something was.
export function offset(ms: number): string {
  const sign = ms < 0 ? '−' : '+'
  const total = Math.abs(Math.round(ms))
  const s = Math.floor(total / 1000)
  const fraction = String(total % 1000).padStart(3, '0')
  const h = Math.floor(s / 3600)
  const minutes = Math.floor((s % 3600) / 60)
  return h > 0 ? `${sign}${h}:${two(minutes)}:${two(s % 60)}.${fraction}` : `${sign}${minutes}:${two(s % 60)}.${fraction}`
}
