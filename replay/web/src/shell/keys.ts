// typing tells whether a key belongs to a field, a dialog or the browser, and not to the page.
export function typing(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true
  const target = event.target as Element | null
  if (document.querySelector('dialog[open]')) return true
  return !!target?.closest?.('input:not([type="range"], [type="checkbox"]), textarea, select, [contenteditable]')
}
