import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';

const WS = join(import.meta.dirname, '../../../node_modules/ws/wrapper.mjs');
const DIST = join(import.meta.dirname, '../../dist');
/** Node 20 has no WebSocket; newer versions have one that can be left out. */
const WITHOUT = 'WebSocket' in globalThis ? ['--no-experimental-websocket'] : [];
const ADVICE = 'this platform has no WebSocket: install the package ws, or pass options.WebSocket';

let folder: string;

beforeAll(async () => {
  // Nothing above the temporary folder has a package ws.
  folder = await mkdtemp(join(tmpdir(), 'tickwire-unheard-'));
  await cp(DIST, join(folder, 'dist'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a program; its exit code and what it printed. */
async function run(program: string, flags: string[] = WITHOUT) {
  const file = join(folder, 'program.mjs');
  await writeFile(file, `import { connect, connectPublisher } from './dist/index.js';\n${program}`);
  return new Promise<{ code: unknown; output: string; errors: string }>((resolve) => {
    execFile(process.execPath, [...flags, file], { timeout: 60_000 }, (error, output, errors) => {
      resolve({ code: error?.code ?? 0, output, errors });
    });
  });
}

describe('Node without a WebSocket', () => {
  it.each([
    ['a subscriber', `connect('ws://127.0.0.1:1').on('update', () => {});`],
    ['a subscriber with patterns', `connect('ws://127.0.0.1:1').subscribe('*');`],
    ['a publisher', `connectPublisher('ws://127.0.0.1:1').publish('BTC', 1);`],
  ])('ends %s that nobody watches with what to install', async (_, program) => {
    const { code, errors } = await run(program);
    expect(errors).toContain(`Error: ${ADVICE}`);
    expect(code).toBe(1);
  });

  it('says nothing of clients that are closed already', async () => {
    const { code, output, errors } = await run(`
      connect('ws://127.0.0.1:1').close();
      await connectPublisher('ws://127.0.0.1:1').close();
      setTimeout(() => console.log('went on'), 100);`);
    expect([code, output, errors]).toEqual([0, 'went on\n', '']);
  });

  it('tells who waits or listens, and then does not end the process', async () => {
    const { code, output, errors } = await run(`
      const tell = (error) => console.log(error.message);
      const subscriber = connect('ws://127.0.0.1:1');
      await subscriber.ready.catch(tell);
      const other = connect('ws://127.0.0.1:1');
      other.on('state', ({ state }) => state === 'closed' && tell(other.failure));
      const publisher = connectPublisher('ws://127.0.0.1:1');
      publisher.on('error', tell);
      const last = connectPublisher('ws://127.0.0.1:1');
      last.publish('BTC', 1);
      await last.close().catch(tell);`);
    expect([code, errors]).toEqual([0, '']);
    expect(output.trim().split('\n')).toEqual([ADVICE, ADVICE, ADVICE, ADVICE]);
  });
});

describe('a server that refuses the first session', () => {
  it('does not leave a program without a word', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    server.on('connection', (socket) => socket.close(4500, 'invalid token'));
    const { port } = server.address() as AddressInfo;
    try {
      const { code, errors } = await run(`
        import { WebSocket } from ${JSON.stringify(WS)};
        connect('ws://127.0.0.1:${port}', { WebSocket }).on('update', () => {});`);
      expect(errors).toContain('Error: connection closed (4500) invalid token');
      expect(code).toBe(1);
    } finally {
      server.close();
    }
  });
});
