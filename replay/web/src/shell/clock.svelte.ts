// One clock for every "2 min ago" on the page.

class Clock {
  now = $state(Date.now())
}

export const clock = new Clock()

export function startClock(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) clock.now = Date.now()
  }, 1000)
  return () => clearInterval(timer)
}
