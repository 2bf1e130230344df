import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The player as one script and one style sheet, for exports that are a single file.
export default defineConfig({
  plugins: [svelte({ configFile: false, compilerOptions: { runes: true } })],
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    outDir: 'dist-export',
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: {
      input: 'src/export/main.ts',
      checks: { emptyImportMeta: false },
      output: { format: 'iife', codeSplitting: false, entryFileNames: 'export.js', assetFileNames: 'export.[ext]' },
    },
  },
})
