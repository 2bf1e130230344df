// How long it takes from a byte that a target writes to its pixel. A target writes "mark-N-TIME.", TIME
// being its own clock in seconds; watchMarks runs in the page and notes in window.marks, in
// milliseconds since 1970, when each was
//
//	written    by the target
//	recorded   by the gateway, as the entry says
//	arrived    in the page
//	drawn      into the page's tree
//	seen       at the frame after that: the one that has it is on the screen by then
export function watchMarks() {
  const marks = (window.marks = {})
  const now = () => performance.timeOrigin + performance.now()
  const found = (text, note) => {
    for (const [, name, written] of text.matchAll(/(mark-\d+)-(\d+\.\d+)\./g)) {
      note((marks[name] ??= { written: Number(written) * 1000 }))
    }
  }
  for (const socket of window.keptSockets) {
    socket.addEventListener('message', (event) => {
      const at = now()
      for (const entry of JSON.parse(event.data).entries ?? []) {
        if (entry.kind !== 'bytes' || entry.channel === 'in') continue
        found(entry.text ?? '', (mark) => Object.assign(mark, { recorded: Date.parse(entry.at), arrived: at }))
      }
    })
  }
  const terminal = document.querySelector('[data-testid=terminal]')
  new MutationObserver(() => {
    found(terminal.innerText, (mark) => {
      if (mark.drawn) return
      mark.drawn = now()
      requestAnimationFrame(() => (mark.seen = now()))
    })
  }).observe(terminal, { subtree: true, childList: true, characterData: true })
}

// quantile is the least of values that share of them do not exceed.
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}
