import { mount } from 'svelte'
import './app.css'
import App from './shell/App.svelte'
import { applyTheme } from './shell/theme.svelte'

applyTheme()

// blocking="render" lets the script run before the body is parsed far enough.
function start() {
  const target = document.getElementById('app')
  if (target) mount(App, { target })
}
if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start)
else start()
