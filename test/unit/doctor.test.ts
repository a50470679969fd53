import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { examine, formatFindings } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { folderForTest } from '../support/folders.ts';
import { certificateFile } from '../support/tls.ts';

const SOUND: ConfigInput = {
  server: { port: 0, transport: 'node' },
  limits: { connectionsMax: 1 },
  store: { directory: '' },
};

function findings(config: ConfigInput): Promise<readonly Finding[]> {
  const merged = { ...SOUND, ...config, server: { ...SOUND.server, ...config.server } };
  return examine(parseConfig(merged));
}

async function finding(subject: string, config: ConfigInput): Promise<Finding> {
  const found = (await findings(config)).filter((each) => each.subject === subject);
  expect(found).toHaveLength(1);
  return found[0] as Finding;
}

describe('tickwire doctor', () => {
  it('is a command that takes settings', () => {
    const command = readCommandLine(['doctor', '--server.port=1'], {}, '/');
    expect(command).toMatchObject({ kind: 'doctor', config: { server: { port: 1 } } });
    expect(readCommandLine(['doctor', '--server.prot=1'], {}, '/')).toMatchObject({
      kind: 'fail',
      message: expect.stringContaining('did you mean --server.port?'),
    });
  });

  it('finds no fault in a sound configuration', async () => {
    const found = await findings({});
    expect(found.filter(({ verdict }) => verdict === 'fault')).toEqual([]);
    expect(new Set(found.map(({ subject }) => subject))).toEqual(
      new Set([
        'Node',
        'transport',
        'descriptors',
        'processors',
        'memory',
        'store',
        'clock',
        'address',
        'exposure',
        'TLS',
        'tokens',
      ]),
    );
  });

  it('names the port that is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => {
      other.close();
    });
    const { port } = other.address() as { port: number };
    const { verdict, found, remedy } = await finding('address', { server: { port } });
    expect([verdict, found]).toEqual([
      'fault',
      `Cannot listen on 127.0.0.1:${port}: the port is in use (EADDRINUSE)`,
    ]);
    expect(remedy).toContain('server.port');
  });

  it('says how many descriptors the connections need', async () => {
    const limits = { connectionsMax: 1_048_576 };
    const { verdict, remedy } = await finding('descriptors', { limits });
    expect(verdict).toBe('warning');
    expect(remedy).toContain('ulimit -n 1048640');
  });

  it('says that more partitions than processors cost memory', async () => {
    const { verdict, remedy } = await finding('processors', { processing: { partitions: 256 } });
    expect([verdict, remedy]).toEqual([
      'warning',
      expect.stringContaining('processing.partitions=0'),
    ]);
  });

  it.each<[string, (folder: string) => string, Finding['verdict'], RegExp]>([
    ['an absent one', (folder) => join(folder, 'a/b'), 'ok', /will be made, \d+ MiB free/],
    ['an empty one', (folder) => folder, 'ok', /: empty, \d+ MiB free/],
    ['a file', (folder) => write(join(folder, 'x')), 'fault', /x/],
    ['files of others', (folder) => dirname(write(join(folder, 'x'))), 'fault', /do not belong/],
  ])('looks at the directory of the store: %s', async (_case, make, verdict, found) => {
    const directory = make(folderForTest());
    const store = await finding('store', { store: { directory } });
    expect(store).toMatchObject({ verdict, found: expect.stringMatching(found) });
  });

  it('notices a clock behind that of the files', async () => {
    const directory = folderForTest();
    mkdirSync(join(directory, 'lost+found'));
    // Whole seconds, which every file system keeps.
    const later = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
    utimesSync(join(directory, 'lost+found'), later, later);
    const { verdict, found } = await finding('clock', { store: { directory } });
    expect([verdict, found]).toEqual(['warning', expect.stringContaining(later.toISOString())]);
  });

  it('reads certificates and keys', async () => {
    const tls = (name: string) => ({
      certificateFile: certificateFile(name),
      keyFile: certificateFile(`${name}-key`),
    });
    expect(await finding('TLS', { tls: tls('first') })).toMatchObject({
      verdict: 'ok',
      found: expect.stringMatching(/is valid for \d+ days/),
    });
    expect(await finding('TLS', { tls: tls('expired') })).toMatchObject({
      verdict: 'fault',
      found: expect.stringContaining('expired on'),
    });
    expect(await finding('tokens', { auth: { keysFile: '/no/such' } })).toMatchObject({
      verdict: 'fault',
      found: 'auth.keysFile: cannot read /no/such: no such file',
    });
  });

  it('sees what is exposed', async () => {
    const { verdict, found } = await finding('exposure', { server: { host: '0.0.0.0' } });
    expect([verdict, found]).toEqual(['fault', expect.stringContaining('without TLS')]);
  });

  it('prints a line a finding, its remedy below, and the counts', () => {
    const text = formatFindings([
      { verdict: 'ok', subject: 'Node', found: 'v1' },
      { verdict: 'fault', subject: 'address', found: 'taken', remedy: 'free it' },
    ]);
    expect(text.split('\n')).toEqual([
      'ok       Node     v1',
      'FAULT    address  taken',
      '                  -> free it',
      '',
      '1 faults, 0 warnings',
    ]);
  });
});

function write(file: string): string {
  writeFileSync(file, '');
  return file;
}
