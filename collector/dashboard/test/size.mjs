// The page fits through a thin line: script and style together, and fonts apart.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** In bytes, gzip. */
const LIMITS = { 'script and style': 300_000, fonts: 160_000, first: 130_000 };
const dist = new URL('../dist', import.meta.url).pathname;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return files(path);
    return name.endsWith('.gz') ? [] : [path];
  });
}

const weight = (paths) =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0);
const all = files(dist);
const index = readFileSync(join(dist, 'index.html'), 'utf8');
const is = (path, ...kinds) => kinds.includes(extname(path));
const sizes = {
  'script and style': weight(all.filter((path) => is(path, '.js', '.css', '.html', '.svg'))),
  fonts: weight(all.filter((path) => is(path, '.woff2'))),
  // What the browser fetches before anybody has signed in.
  first: weight(
    all.filter((path) => is(path, '.js', '.css') && index.includes(path.slice(dist.length))),
  ),
};
let isOver = false;
for (const [name, limit] of Object.entries(LIMITS)) {
  const size = sizes[name];
  console.log(`${name}: ${(size / 1000).toFixed(1)} kB gzip of ${limit / 1000} kB`);
  isOver ||= size > limit;
}
if (isOver) {
  console.error('The page has grown past its limit.');
  process.exit(1);
}
