import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ManagedProcess, programArgs } from '../../testkit/managed-process.ts';
import { findProgram } from '../support/example-process.ts';
import { ConfigFolder } from '../support/folders.ts';
import { expectTicksToPass } from '../support/passed-tick.ts';
import { replaced } from '../support/proxy-process.ts';

const UNIT = readFileSync(
  new URL('../../deploy/systemd/tickwire.service', import.meta.url),
  'utf8',
);
const NODE = '/usr/bin/node';
const MAIN = '/opt/tickwire/dist/src/main.js';
/** Of 100; a service without any protection has 96. */
const EXPOSURE_MAX = 25;

const analyze = findProgram('systemd-analyze');
const reason = 'systemd-analyze is not installed (Debian: apt-get install systemd)';
if (analyze === undefined) process.stderr.write(`NOT TRIED: the unit of systemd: ${reason}\n`);

/** The unit in a folder of its own, with this machine's Node. */
function unitForTest(edit: (text: string) => string = (text) => text): string {
  const folder = new ConfigFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  folder.write('tickwire.service', edit(replaced(UNIT, NODE, process.execPath)));
  return join(folder.path, 'tickwire.service');
}

async function systemdAnalyze(...args: string[]) {
  try {
    const { stdout, stderr } = await promisify(execFile)(analyze ?? 'systemd-analyze', args);
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

describe.skipIf(analyze === undefined && !process.env.CI)(
  `deploy/systemd/tickwire.service${analyze === undefined ? ` (${reason})` : ''}`,
  () => {
    it('is accepted by systemd without a word', async () => {
      expect(await systemdAnalyze('verify', '--man=no', unitForTest())).toEqual({
        code: 0,
        output: '',
      });
    });

    it('would not be with a mistake', async () => {
      const unit = unitForTest((text) => replaced(text, 'DynamicUser=yes', 'DynamicUser=perhaps'));
      const { output } = await systemdAnalyze('verify', '--man=no', unit);
      expect(output).toContain('Failed to parse boolean value: perhaps');
    });

    it('leaves the process few rights', async () => {
      const args = ['security', '--offline=yes', `--threshold=${EXPOSURE_MAX}`, '--no-pager'];
      const { code, output } = await systemdAnalyze(...args, unitForTest());
      expect(code, output).toBe(0);
    });
  },
);

it('the command of the unit starts a server, which its signals reload and stop', async () => {
  const [, command = ''] = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(UNIT) ?? [];
  const [node, main, ...flags] = command.replaceAll('\\\n', ' ').trim().split(/\s+/);
  expect([node, main]).toEqual([NODE, MAIN]);
  const folder = new ConfigFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  folder.write('config.json', { server: { port: 0 }, processing: { partitions: 1 } });
  const here = flags.map((flag) =>
    flag
      .replace('/etc/tickwire/config.json', join(folder.path, 'config.json'))
      .replace('/var/lib/tickwire', join(folder.path, 'store')),
  );
  expect(here.join()).not.toMatch(/\/etc|\/var/);
  const server = new ManagedProcess(process.execPath, [...programArgs('src/main'), ...here], {
    cwd: folder.path,
    env: { PATH: process.env.PATH },
  });
  onTestFinished(async () => {
    await server.end();
  });
  const port = () => /"url":"http:\/\/127\.0\.0\.1:(\d+)/.exec(server.output)?.[1];
  await server.ready(() => port() !== undefined);
  await expectTicksToPass(Number(port()), 'BTC-USD');
  expect(UNIT).toContain('ExecReload=/bin/kill -HUP $MAINPID');
  server.kill('SIGHUP');
  await expectTicksToPass(Number(port()), 'ETH-USD');
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
});
