import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The collector serves the page under a content-security policy without inline script or style
// and without data: addresses, so nothing is inlined. Windows 7 ends at Chrome 109.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ['chrome109', 'firefox115', 'safari16'],
    minify: 'terser',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    port: 5173,
    proxy: { '/api': 'http://127.0.0.1:8099' },
  },
  test: {
    include: ['test/**/*.test.ts'],
  },
});
