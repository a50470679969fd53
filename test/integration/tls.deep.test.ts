import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually, until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import {
  onTransports,
  serverForTest,
  serverProcessForTest,
  spawnServerForTest,
} from '../support/running-server.ts';
import { certificateFile, shakeHands, speakTls, TRUSTED } from '../support/tls.ts';
import { Client } from '../support/transport-peers.ts';

/** An operator's folder with certificate and key. */
class OperatorsFiles {
  readonly certificate: string;
  readonly key: string;

  constructor(name: string) {
    const folder = folderForTest();
    this.certificate = join(folder, 'server.pem');
    this.key = join(folder, 'server-key.pem');
    this.put(name);
  }

  get flags(): string[] {
    return [`--tls.certificateFile=${this.certificate}`, `--tls.keyFile=${this.key}`];
  }

  put(certificate: string, key = certificate): void {
    for (const [from, to] of [
      [certificateFile(certificate), this.certificate],
      [certificateFile(`${key}-key`), this.key],
    ] as const) {
      copyFileSync(from, `${to}.new`);
      renameSync(`${to}.new`, to);
    }
  }
}

function statusOf(port: number, path: string): Promise<[number | undefined, object]> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, ca: TRUSTED, rejectUnauthorized: true };
    const sent = request(options, (response) => {
      response.resume();
      resolve([response.statusCode, response.headers]);
    });
    sent.on('error', reject);
    sent.end();
  });
}

onTransports((transport) => {
  const flags = [`--server.transport=${transport}`];

  it('serves HTTP and WebSocket over TLS, renews it at SIGHUP, and keeps what works', async () => {
    const files = new OperatorsFiles('first');
    const server = await serverProcessForTest([...flags, ...files.flags]);
    const { port } = server;
    speakTls(port);
    expect(server.output).toContain(`"url":"https://127.0.0.1:${port}"`);
    const organization = async () => (await shakeHands(port)).organization;
    expect(await organization()).toBe('Tickwire test first');
    const [status, headers] = await statusOf(port, '/healthz');
    expect([status, headers]).toEqual([
      200,
      expect.objectContaining({ 'strict-transport-security': 'max-age=31536000' }),
    ]);
    const before = await Client.open(port, '/v1/stream', ['tickwire.v1.json']);

    files.put('second');
    server.kill('SIGHUP');
    // On uws, a connection between the two listeners is reset.
    const renewed = () => organization().catch(() => 'reset');
    await eventually(renewed, (name) => name === 'Tickwire test second');
    await until(
      () => /"isNew":true.*reloaded the TLS certificate/.test(server.output),
      'a line in the log',
    );

    const said = () => server.output.split('\n').filter((line) => line.includes('not renewed'));
    files.put('first', 'second');
    server.kill('SIGHUP');
    await until(() => said().length === 1, 'a line that says why not');
    expect(said()[0]).toMatch(/"level":"error".*tls\.keyFile: the key in .* does not match/);
    writeFileSync(files.certificate, 'rubbish');
    server.kill('SIGHUP');
    await until(() => said().length === 2, 'another');
    expect(said()[1]).toMatch(/tls\.certificateFile: .* is not PEM/);
    expect(await organization()).toBe('Tickwire test second');

    files.put('second');
    server.kill('SIGHUP');
    await until(
      () => /"isNew":false.*reloaded the TLS certificate/.test(server.output),
      'nothing new',
    );

    // Existing connections stay and are served.
    const received = before.messages.length;
    before.ws.send('["rubbish"]');
    await before.received(received + 1);
    expect(before.closed).toBeNull();
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect((await before.closing()).code).toBe(4001);
  });

  it('starts with an expired certificate, and warns', async () => {
    const files = new OperatorsFiles('expired');
    const server = await serverProcessForTest([...flags, ...files.flags]);
    expect(server.output).toMatch(/"level":"warn".*expired on 2020-02-01T00:00:00\.000Z/);
    await expect(shakeHands(server.port)).rejects.toThrow(/expired/);
  });

  it.each([
    ['first', 'second', 'tls.keyFile: the key in'],
    ['first', 'encrypted', 'is encrypted'],
  ])(
    'does not start with a certificate and a key that do not go together',
    async (one, other, why) => {
      const config = {
        server: { transport },
        tls: { certificateFile: certificateFile(one), keyFile: certificateFile(`${other}-key`) },
      };
      await expect(serverForTest(config)).rejects.toThrow(why);
    },
  );

  it('goes on at SIGHUP where there is nothing to read again', async () => {
    const server = await serverProcessForTest(flags);
    server.kill('SIGHUP');
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
    expect(server.exit).toBeUndefined();
  });
});

it('says which key is missing, and ends with 1', async () => {
  const server = spawnServerForTest([
    '--server.port=0',
    `--tls.certificateFile=${certificateFile('first')}`,
  ]);
  expect(await server.exited).toBe(1);
  expect(server.output).toContain('tls.certificateFile needs tls.keyFile');
});
