import * as api from '../api/client'
import type { ProblemDocument, RebuildProgress, RebuildReport } from '../api/types'

interface Line {
  progress?: RebuildProgress
  report?: RebuildReport
  problem?: ProblemDocument & { status: number }
  done?: boolean
}

// rebuild has every projection rebuilt, and gives each line that the server says meanwhile. Leaving early ends it.
export async function* rebuild(): AsyncGenerator<Line> {
  const response = await api.request('POST', '/rebuild', {}, undefined, 'application/x-ndjson')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) {
        const line = JSON.parse(text) as Line
        if (line.problem) throw new api.Problem(line.problem, line.problem.status)
        if (line.done) return
        yield line
      }
    }
  } catch (err) {
    throw err instanceof api.Problem ? err : api.unreachable()
  } finally {
    void reader.cancel().catch(() => undefined)
  }
  throw new api.Problem({ title: 'The answer ended before the rebuild did.' }, 0)
}
