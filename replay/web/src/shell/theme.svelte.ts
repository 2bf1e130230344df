// The theme follows the system until somebody chooses one; the choice stays in this browser.

export type Theme = 'system' | 'light' | 'dark'

const key = 'sallyport.theme'

function stored(): Theme {
  try {
    const value = localStorage.getItem(key)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system' // storage is off
  }
}

export const theme = $state<{ value: Theme }>({ value: stored() })

export function applyTheme() {
  if (theme.value === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
}

export function nextTheme() {
  const order: Theme[] = ['system', 'light', 'dark']
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? 'system'
  try {
    if (theme.value === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, theme.value)
  } catch {
    // storage is off: the choice lasts as long as the page
  }
  applyTheme()
}
