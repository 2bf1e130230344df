import * as client from '../api/client'

const piece = 16 << 20 // bytes that are handed to the browser, which may put them on disk, at once

// named is the file name that a header gives: in quotes, bare, or encoded where it is not ASCII.
export function named(header: string): string {
  const encoded = /filename\*=utf-8''([^;]+)/i.exec(header)?.[1]
  if (encoded) return decodeURIComponent(encoded)
  return /filename="?([^";]+)"?/.exec(header)?.[1] ?? 'sallyport-export'
}

// Download is an export on its way: how much of it is here, and a way to stop it. Nothing is saved before all of
// it is here, so that nobody takes a part for the whole.
export class Download {
  readonly name: string
  bytes = $state(0)
  entries = $state(0) // of those forms that have one a line
  state = $state<'coming' | 'saved' | 'failed' | 'stopped'>('coming')
  problem = $state.raw<client.Problem | null>(null)

  private readonly stop = new AbortController()

  constructor(name: string) {
    this.name = name
  }

  cancel() {
    this.stop.abort()
  }

  // run fetches path, counts lines if each is an entry, and hands the whole to the browser as a file.
  async run(path: string, lines: boolean) {
    try {
      const response = await client.request('GET', path, undefined, this.stop.signal)
      this.save(named(response.headers.get('Content-Disposition') ?? ''), await this.take(response, lines))
      this.state = 'saved'
    } catch (err) {
      if (client.aborted(err)) {
        this.state = 'stopped'
        return
      }
      this.problem = client.asProblem(err)
      this.state = 'failed'
    }
  }

  private async take(response: Response, lines: boolean): Promise<Blob> {
    const reader = response.body!.getReader()
    let whole = new Blob()
    let held: Uint8Array<ArrayBuffer>[] = []
    let size = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (value) {
        held.push(value)
        size += value.length
        this.bytes += value.length
        if (lines) for (let i = value.indexOf(10); i >= 0; i = value.indexOf(10, i + 1)) this.entries++
      }
      if (done || size >= piece) {
        whole = new Blob([whole, ...held])
        held = []
        size = 0
      }
      if (done) return whole
    }
  }

  private save(file: string, what: Blob) {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(what)
    link.download = file
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000) // the browser has begun to read it by then
  }
}
