// The script asks, and whoever started it does: one JSON object a line each way. Only the driver
// can open and use sessions, because only it has a psql and a token.
//
//	script → driver (stdout)                        driver → script (stdin)
//	{"ask":"open"}                                  {"session":"ID"} or {} if it does not know the id
//	{"ask":"run","session":"ID","text":"select …"}  {} once the client has its answer
//	{"ask":"close","session":"ID"}                  {} once the client has gone
//	{"ask":"gone","session":"ID"}                   {} if the client was disconnected, else {"error":"…"}
//	{"step":"…","ms":12}                            (nothing: a step that was seen)
//	{"done":true}                                   (nothing: the last line of a run without failure)
//	{"failed":"…"}                                  (nothing: the last line otherwise; exit status 1)
//
// An answer with "error" ends the run.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export function tell(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}

export async function ask(what, fields = {}) {
  tell({ ask: what, ...fields })
  const { value, done } = await lines.next()
  if (done) throw new Error(`the driver went away instead of answering "${what}"`)
  const answer = JSON.parse(value)
  if (answer.error) throw new Error(`driver, asked to ${what}: ${answer.error}`)
  return answer
}

export async function step(name, what) {
  const began = performance.now()
  try {
    const result = await what()
    tell({ step: name, ms: Math.round(performance.now() - began) })
    return result
  } catch (err) {
    err.message = `${name}: ${err.message}`
    throw err
  }
}
