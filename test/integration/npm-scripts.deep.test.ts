import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ManagedProcess } from '../../testkit/managed-process.ts';
import { isServing, ServerProcess } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXEC = join(ROOT, 'scripts/exec/exec.mjs');

function started(command: string, args: readonly string[], detached = false): ManagedProcess {
  const program = new ManagedProcess(command, args, { cwd: ROOT, detached });
  onTestFinished(async () => {
    await program.end();
  });
  return program;
}

/** Runs a script without the build that npm would run before it. */
function npm(script: string, args: readonly string[], detached = false): ManagedProcess {
  return started('npm', ['run', '--ignore-scripts', script, '--', ...args], detached);
}

/** The port in the output, once the server serves there. */
async function servingPort(program: ManagedProcess): Promise<number> {
  const port = () => Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(program.output)?.[1] ?? 0);
  await until(() => port() !== 0 || program.exit !== undefined, 'the server');
  await until(() => isServing(port()));
  return port();
}

function isDown(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => false,
    () => true,
  );
}

describe('a signal to npm stops the program', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-npm-'));
  const flags = ['--server.port=0', '--log.format=json', `--store.directory=${directory}`];

  it.each(['start', 'serve'])('npm run %s: gracefully, and ends with 0', async (script) => {
    const program = npm(script, flags);
    const port = await servingPort(program);
    program.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    expect(program.output).toContain('"msg":"stopped"');
    expect(await isDown(port)).toBe(true);
  });

  it.each(['SIGHUP', 'SIGKILL'] as const)(
    'gracefully, though %s ends npm alone',
    async (signal) => {
      const program = npm('serve', flags);
      const port = await servingPort(program);
      program.kill(signal);
      await program.exited;
      await until(() => program.output.includes('"msg":"stopped"'));
      expect(await isDown(port)).toBe(true);
    },
  );

  it('gracefully, when its terminal is closed', async () => {
    const log = join(directory, 'terminal.log');
    const all = [...flags, '--log.format=json'].join(' ');
    const command = `npm run --ignore-scripts serve -- ${all} > ${log}`;
    const terminal = started('script', ['-qec', command, '/dev/null']);
    const read = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    await until(() => read().includes('listening on') || terminal.exit !== undefined);
    terminal.kill('SIGKILL');
    await until(() => read().includes('"msg":"stopped"'));
    expect(read()).toContain('"signal":"SIGHUP","msg":"stopping"');
  });

  it('though npm passes on an interrupt that the whole group got', async () => {
    const program = npm('serve', flags, true);
    await servingPort(program);
    process.kill(-program.pid, 'SIGINT');
    expect(await program.exited).toBe(0);
    expect(program.output).toContain('"msg":"stopped"');
  });

  it('npm run demo: and the server that belongs to it', async () => {
    const program = npm('demo', ['--port=0']);
    const port = await servingPort(program);
    program.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    expect(await isDown(port)).toBe(true);
  });

  it('npm run demo: also when SIGHUP ends npm alone', async () => {
    const program = npm('demo', ['--port=0']);
    const port = await servingPort(program);
    program.kill('SIGHUP');
    await until(() => isDown(port));
  });

  it('npm run soak: which checks everything as it is then', async () => {
    const program = npm('soak', ['--minutes', '60', '--faults', 'worker', '--seed', '1']);
    await until(async () => program.output.includes('s: worker, over'));
    program.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    expect(program.output).toMatch(/ends early/);
    expect(program.output).toMatch(/soak of 0\.\d min/);
  });

  it('npm run load: which reports what it did until then', async () => {
    const server = await ServerProcess.start();
    onTestFinished(async () => {
      await server.end();
    });
    const to = `ws://127.0.0.1:${server.port}`;
    const program = npm('load', ['--url', to, '--rate', '1000', '--duration', '600']);
    await until(() => hasPublishers(server.port));
    program.kill('SIGTERM');
    expect(await program.exited).not.toBe('SIGTERM');
    expect(program.output).toMatch(/accepted/);
  });
});

async function hasPublishers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/api/statistics`);
  const { sessions } = (await response.json()) as { sessions: { publishers: number } };
  return sessions.publishers > 0;
}

describe("exec for Windows' shell", () => {
  it('ends as the program does, with its output', async () => {
    const program = started('node', [EXEC, 'node', '-e', 'console.log("out"); process.exit(3)']);
    expect(await program.exited).toBe(3);
    expect(program.output).toBe('out\n');
  });

  it('passes on SIGTERM', async () => {
    const code = 'process.on("SIGTERM", () => process.exit(4)); setInterval(() => {}, 1e3);';
    const program = started('node', [EXEC, 'node', '-e', `${code} console.log("up")`]);
    await until(() => program.output === 'up\n');
    program.kill('SIGTERM');
    expect(await program.exited).toBe(4);
  });

  it('says that a program is missing', async () => {
    const program = started('node', [EXEC, 'no-such-program']);
    expect(await program.exited).toBe(127);
    expect(program.output).toContain('exec: spawn no-such-program ENOENT');
  });
});
