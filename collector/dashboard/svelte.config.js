import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess({ style: false }),
  // Short names for the styles of a component: they are in every element.
  compilerOptions: { cssHash: ({ hash, css }) => `s${hash(css)}` },
};
