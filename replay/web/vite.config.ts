import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

// The theme that somebody chose must be there before the first paint; without this a dark page
// flashes white.
const blocking: Plugin = {
  name: 'blocking-script',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => html.replaceAll('type="module" crossorigin', 'type="module" blocking="render"').replaceAll(' crossorigin', ''),
  },
}

export default defineConfig({
  plugins: [svelte({ configFile: false, compilerOptions: { runes: true } }), blocking],
  build: {
    // Browsers that know light-dark(), :has() and CSS nesting.
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0, // no data: URLs, the policy forbids them
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    reportCompressedSize: true,
  },
})
