// Script and style of the whole page fit in 300 kB gzip; fonts are as large as they are.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const LIMIT = 300 * 1000;
const dist = new URL('../dist', import.meta.url).pathname;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return files(path);
    return /\.(js|css|html)$/.test(name) ? [path] : [];
  });
}

let total = 0;
for (const path of files(dist)) total += gzipSync(readFileSync(path), { level: 9 }).length;
console.log(`script and style: ${(total / 1000).toFixed(1)} kB gzip of ${LIMIT / 1000} kB`);
if (total > LIMIT) {
  console.error('The page has grown past its limit.');
  process.exit(1);
}
