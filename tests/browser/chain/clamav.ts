// Debian's ClamAV with a signature file of our own that knows one thing: the EICAR test file.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Stage, until } from './stage';

/** Built from parts, so that no antivirus takes this source for the test file. */
export const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE', '!$H+H*'].join('');

const daemon = '/usr/sbin/clamd';
export const isInstalled = (): boolean => existsSync(daemon);

/** Starts clamd below the stage's folder; its log is logs/clamav.log. */
export async function startClamd(stage: Stage): Promise<void> {
  const database = stage.path('clamav-db');
  mkdirSync(database);
  const hex = Buffer.from(eicar).toString('hex');
  writeFileSync(`${database}/test.ndb`, `Eicar-Test-Signature:0:0:${hex}\n`);
  writeFileSync(
    stage.path('clamd.conf'),
    [
      `LocalSocket ${stage.path('clamd.ctl')}`, `LogFile ${stage.path('logs/clamav.log')}`, `DatabaseDirectory ${database}`,
      'LogTime yes', 'Foreground yes', 'FixStaleSocket yes', 'SelfCheck 600', 'ExtendedDetectionInfo yes', 'User root', '',
    ].join('\n'),
  );
  stage.start(daemon, ['-c', stage.path('clamd.conf')], 'clamd.out');
  await until('clamd answers', async () => (await ask(stage, 'zPING\0')).startsWith('PONG') || undefined, 60);
}

/** Asks clamd to scan a file; its answer. */
export function scan(stage: Stage, path: string): Promise<string> {
  return ask(stage, `zSCAN ${path}\0`);
}

function ask(stage: Stage, command: string): Promise<string> {
  return new Promise((done, fail) => {
    let answer = '';
    const socket = connect(stage.path('clamd.ctl'), () => socket.write(command));
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('end', () => done(answer));
    socket.on('error', fail);
  });
}
