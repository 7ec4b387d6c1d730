// A collector and an agent of their own, in a temporary folder: the real programs, the real page.
import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
export const password = 'mat-khau-thu-nghiem-2026';

export function program(name: string): string {
  const named = process.env[`${name.replace('-', '_').toUpperCase()}_PROGRAM`];
  const path = named ?? join(top, 'target/debug', name);
  if (!existsSync(path)) throw new Error(`${path} is not built: run cargo build --workspace first`);
  return path;
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => done(port));
    });
  });
}

export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await Promise.resolve()
      .then(ask)
      .catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer as T;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'soc-chain-'));
  readonly children = new Set<ChildProcess>();
  collector?: ChildProcess;
  agent?: ChildProcess;
  port = 0;
  agentsPort = 0;

  constructor() {
    mkdirSync(this.path('logs'));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  start(command: string, args: string[], log: string, env: Record<string, string> = {}): ChildProcess {
    const output = openSync(this.path(log), 'a');
    const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Starts a collector; `config` is told its address. */
  async collect(config?: (address: string) => string): Promise<void> {
    this.port = await freePort();
    this.agentsPort = await freePort();
    const listen = ['--listen', `127.0.0.1:${this.port}`, '--agents-listen', `127.0.0.1:${this.agentsPort}`];
    if (config) writeFileSync(this.path('collector.toml'), config(this.address));
    this.collector = this.start(
      program('soc-collector'),
      ['serve', '--data', this.path('collector'), ...listen, ...(config ? ['--config', this.path('collector.toml')] : [])],
      'collector.log',
      { SOC_ADMIN_PASSWORD: password },
    );
    await until('the collector is ready', async () => (await fetch(`${this.address}/readyz`)).ok || undefined);
  }

  /** Starts both programs; `agentConfig` gets the folder's logs/auth.log followed. */
  async begin(agentConfig: string): Promise<void> {
    writeFileSync(this.path('logs/auth.log'), '');
    await this.collect();
    const data = this.path('collector');
    const made = JSON.parse(
      execFileSync(program('soc-collector'), ['token', 'create', '--data', data, '--agency', 'LOCAL', '--json'], {
        encoding: 'utf8',
      }),
    ) as { token: string; ca_pin: string };
    writeFileSync(this.path('agent.toml'), `${agentConfig}\n[[logfile.files]]\npath = "${this.path('logs/auth.log')}"\n`);
    execFileSync(program('soc-agent'), [
      'enrol', '--collector', `https://localhost:${this.agentsPort}`, '--token', made.token, '--ca-pin', made.ca_pin,
      '--state', this.path('agent'),
    ]);
    this.startAgent();
  }

  startAgent(): void {
    this.agent = this.start(
      program('soc-agent'),
      ['run', '--state', this.path('agent'), '--config', this.path('agent.toml')],
      'agent.log',
    );
  }

  log(line: string): void {
    appendFileSync(this.path('logs/auth.log'), `${new Date().toISOString().replace('Z', '+00:00')} may-chu ${line}\n`);
  }

  tail(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8').split('\n').slice(-30).join('\n') : '';
  }

  async stop(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  async end(): Promise<void> {
    await this.stop(this.agent);
    await this.stop(this.collector);
    for (const child of this.children) await this.stop(child, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
