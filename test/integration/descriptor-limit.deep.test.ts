import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { fitConnections, START_DESCRIPTORS_MIN } from '../../src/descriptors.ts';
import { builtProgram, ManagedProcess, programArgs } from '../../testkit/managed-process.ts';
import { SMALL } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { onTransports } from '../support/running-server.ts';

/** A server that may open so many descriptors. */
function startWith(descriptors: number, flags: readonly string[]): ManagedProcess {
  const command = [process.execPath, ...programArgs('src/main'), ...SMALL, '--store.directory='];
  const shell = ['--norc', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash'];
  const all = [...shell, ...command, '--log.format=json', ...flags];
  const server = new ManagedProcess('/bin/bash', all, { env: { PATH: process.env.PATH } });
  onTestFinished(async () => void (await server.end()));
  return server;
}

/** Resolves with 101 once it is open, or with the status that refused it. */
function connect(port: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickwire.v1');
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode ?? 0));
    socket.on('error', () => resolve(0));
  });
}

onTransports((transport) => {
  describe('a server with few descriptors', () => {
    it('warns, refuses connections before they run out, and serves on', async () => {
      const server = startWith(200, [`--server.transport=${transport}`]);
      const port = () => Number(/"url":"http:[^"]*:(\d+)"/.exec(server.output)?.[1] ?? 0);
      await server.ready(() => port() !== 0);
      expect(server.output).toMatch(/only 200 file descriptors may be open: .*raise the limit/);
      const max = Number(/"connectionsMax":(\d+)/.exec(server.output)?.[1]);
      expect(max).toBeGreaterThan(20);
      const results: number[] = [];
      for (let at = 0; at < 300; at++) results.push(await connect(port()));
      expect(results.filter((status) => status === 101)).toHaveLength(max);
      expect(results.filter((status) => status === 503)).toHaveLength(300 - max);
      expect((await fetch(`http://127.0.0.1:${port()}/readyz`)).status).toBe(200);
      expect(readdirSync(`/proc/${server.pid}/fd`).length).toBeLessThan(200 - 20);
    });

    it('says once that idle connections use them up, and goes on when they are gone', async () => {
      const server = startWith(200, [`--server.transport=${transport}`]);
      const port = () => Number(/"url":"http:[^"]*:(\d+)"/.exec(server.output)?.[1] ?? 0);
      await server.ready(() => port() !== 0);
      const idle = Array.from({ length: 300 }, () => {
        const tcp = createConnection(port(), '127.0.0.1');
        return tcp.on('error', () => undefined);
      });
      const usedUp = 'all file descriptors are in use';
      await until(() => server.output.includes(usedUp));
      for (const tcp of idle) tcp.destroy();
      const status = () => fetch(`http://127.0.0.1:${port()}/readyz`).then((one) => one.status);
      await until(async () => (await status().catch(() => 0)) === 200, 'a server that answers');
      expect(server.output.split(usedUp)).toHaveLength(2);
    });
  });
});

it('without a descriptor to spare the start is refused, with what is needed', () => {
  expect(() => fitConnections(100, 30)).toThrow(/only 30 file descriptors .*raise the limit/);
  expect(fitConnections(1, 100_000)).toEqual({ max: 1 });
});

it('with too few descriptors to load, the program says so in one line; with enough it runs', () => {
  const run = (descriptors: number) => {
    const shell = ['--norc', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash'];
    const command = [process.execPath, builtProgram('src/main'), '--help'];
    return spawnSync('/bin/bash', [...shell, ...command], { encoding: 'utf8' });
  };
  const refused = run(80);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^tickwire: only 80 file descriptors may be open, .*\n$/);
  const enough = run(START_DESCRIPTORS_MIN);
  expect(enough).toMatchObject({ status: 0, stderr: '' });
  expect(enough.stdout).toContain('Usage: tickwire');
});
