// What resources are, in a line each.
import type { Resource } from '../api/types'

export const names: Record<string, [string, string]> = {
  target: ['Targets', 'what is protected, and with which credential'],
  role: ['Roles', 'who may do what where'],
  policy: ['Policies', 'what is denied or held'],
  mask: ['Masks', 'what nobody sees unless excepted'],
}

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
const object = (value: unknown): Record<string, unknown> => (value && typeof value === 'object' ? (value as Record<string, unknown>) : {})
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

// where says which targets a selector selects.
export function where(selector: unknown): string {
  const s = object(selector)
  const named = list(s.names)
  const labels = Object.entries(object(s.labels)).map(([k, v]) => `${k}=${String(v)}`)
  if (named.includes('*')) return 'every target'
  return [...named, ...labels].join(', ') || 'no target'
}

export function summary(r: Resource): string {
  const spec = r.spec
  switch (r.kind) {
    case 'Target':
      return `${text(spec.protocol)} at ${text(spec.address)}`
    case 'Role': {
      const m = object(spec.members)
      const who = [...list(m.groups).map((g) => 'group ' + g), ...list(m.users), ...list(m.agents).map((a) => 'agent ' + a)].join(', ')
      return `${who || 'nobody'} may ${(list(spec.can).join(', ') || 'connect')} on ${where(spec.targets)}`
    }
    case 'Policy':
      return `${{ deny: 'denies', hold: 'holds', allow: 'allows' }[text(spec.verdict)] ?? text(spec.verdict)} on ${where(spec.targets)}: ${text(spec.message) || text(spec.when)}`
    case 'Mask':
      return `${[...list(spec.columns), ...list(spec.detect)].join(', ')} on ${where(spec.targets)}`
  }
  return ''
}

// starts are what a new resource begins with.
export const starts: Record<string, string> = {
  target: 'apiVersion: sallyport/v1\nkind: Target\nmetadata:\n  name: new-target\n  labels: {env: prod}\nspec:\n  protocol: postgres\n  address: 10.0.0.5:5432\n  credential:\n    username: app\n    password: {env: ORDERS_PASSWORD}\n  postgres: {database: orders}\n',
  role: 'apiVersion: sallyport/v1\nkind: Role\nmetadata:\n  name: new-role\nspec:\n  members: {groups: [eng]}\n  targets: {labels: {env: prod}}\n  can: [connect]\n',
  policy: 'apiVersion: sallyport/v1\nkind: Policy\nmetadata:\n  name: new-policy\nspec:\n  targets: {labels: {env: prod}}\n  when: command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"])\n  verdict: hold\n  approval: {any: [{groups: [dba], count: 1}], expires: 15m}\n  message: destructive SQL needs a DBA\n',
  mask: 'apiVersion: sallyport/v1\nkind: Mask\nmetadata:\n  name: new-mask\nspec:\n  targets: {labels: {env: prod}}\n  columns: ["*.email"]\n  with: redact\n  except: {groups: [privacy]}\n',
}
