// What is done to the text of a query without understanding all of it: the server parses, and says
// where a query is wrong. Here it is cut at spaces outside of quotes.

export const fields: [string, string][] = [
  ['who', 'principal that ran it'],
  ['target', 'where it ran'],
  ['kind', 'what it does: SELECT, DROP …'],
  ['verdict', 'allowed, denied or held'],
  ['table', 'tables read or written'],
  ['column', 'columns'],
  ['error', 'code or words of an error'],
  ['policy', 'policy that decided'],
  ['after', 'from a time on'],
  ['before', 'until a time'],
  ['field', 'where the words stand'],
  ['group', 'group of the principal'],
  ['agent', 'an agent'],
  ['run', "an agent's run"],
  ['prompt', 'words of the prompt that led to it'],
  ['label', 'label of the target'],
  ['protocol', 'protocol'],
  ['database', 'database'],
  ['client', 'client program'],
  ['session', 'one session'],
]

// values that a field has by itself; those of other fields the server knows.
export const fixed: Record<string, string[]> = {
  verdict: ['allowed', 'denied', 'held'],
  field: ['command', 'parameter', 'rows', 'error', 'notice'],
  prompt: [],
  after: ['15m', '1h', '24h', '7d', 'today', 'yesterday'],
  before: ['1h', '24h', '7d', 'today', 'yesterday'],
}

// words are the pieces of a query between spaces; quotes hold together what they enclose.
export function words(query: string): string[] {
  return query.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? []
}

// term is field:value as the query language wants it.
export function term(field: string, value: string): string {
  const plain = /^[^\s()"*]+$/.test(value) && value !== 'AND' && value !== 'OR' && value !== 'NOT' && !value.startsWith('-')
  return field + ':' + (plain ? value : '"' + value.replace(/[\\"]/g, '\\$&') + '"')
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

export type State = 'in' | 'out' | ''

// stateOf tells whether a query asks for a value, excludes it, or says nothing of it.
export function stateOf(query: string, field: string, value: string): State {
  const wanted = term(field, value)
  for (const word of words(query)) {
    if (same(word, wanted)) return 'in'
    if (same(word, '-' + wanted)) return 'out'
  }
  return ''
}

// toggled is the query with a value asked for, or excluded, or neither if it was so already.
export function toggled(query: string, field: string, value: string, how: 'in' | 'out'): string {
  const wanted = term(field, value)
  const rest = words(query).filter((word) => !same(word, wanted) && !same(word, '-' + wanted))
  if (stateOf(query, field, value) === how) return rest.join(' ')
  // What stands beside an OR belongs to the right of it only; parentheses keep the query what it was.
  const base = rest.includes('OR') ? ['(' + rest.join(' ') + ')'] : rest
  return [...base, (how === 'out' ? '-' : '') + wanted].join(' ')
}

// between is the query limited to a span of time instead of the one that it had.
export function between(query: string, from: Date, until: Date): string {
  const rest = words(query).filter((word) => !/^(?:after|before):/i.test(word))
  const base = rest.includes('OR') ? ['(' + rest.join(' ') + ')'] : rest
  const at = (t: Date) => t.toISOString().replace('.000Z', 'Z')
  return [...base, 'after:' + at(from), 'before:' + at(until)].join(' ')
}

export interface Context {
  field: string // empty: a field's name is being written
  prefix: string
  from: number // of the text that a completion takes the place of
  to: number
}

// contextOf says what is being written at the caret, null if nothing that can be completed.
export function contextOf(query: string, caret: number): Context | null {
  const before = query.slice(0, caret)
  if ((before.match(/(?<!\\)"/g)?.length ?? 0) % 2 === 1) return null
  const word = /[^\s()"]*$/.exec(before)?.[0].replace(/^-/, '') ?? ''
  const to = caret + (/^[^\s()"]*/.exec(query.slice(caret))?.[0].length ?? 0)
  const colon = word.indexOf(':')
  if (colon < 0) {
    if (!/^[a-z]*$/i.test(word)) return null
    return { field: '', prefix: word.toLowerCase(), from: caret - word.length, to }
  }
  const field = word.slice(0, colon).toLowerCase()
  if (!fields.some(([name]) => name === field)) return null
  return { field, prefix: word.slice(colon + 1), from: caret - word.length + colon + 1, to }
}
