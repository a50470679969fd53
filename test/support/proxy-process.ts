import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { freePort, isListening, ManagedProcess } from '../../testkit/managed-process.ts';
import { findProgram } from './example-process.ts';
import { ConfigFolder } from './folders.ts';

export type ProxyName = 'nginx' | 'haproxy';

const PAGE = readFileSync(new URL('../../docs/PROXIES.md', import.meta.url), 'utf8');
/** The server's address in the page's samples. */
const SAMPLE_ADDRESS = '127.0.0.1:9001';

/** What docs/PROXIES.md tells a proxy. */
function documentedConfig(name: ProxyName): string {
  const sample = new RegExp(`^\`\`\`${name}\n([^]*?)^\`\`\`$`, 'm').exec(PAGE)?.[1];
  if (sample === undefined) throw new Error(`docs/PROXIES.md has no sample for ${name}`);
  return sample;
}

/** @throws Error if the text lacks what is to be replaced: nothing would be tried then */
export function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`no "${from}" in: ${text}`);
  return text.replaceAll(from, to);
}

/**
 * Declares a suite for each proxy. One that is not installed is skipped with a message, but not in
 * CI.
 */
export function onProxies(suite: (name: ProxyName) => void): void {
  for (const name of ['nginx', 'haproxy'] as const) behind(name, () => suite(name));
}

/** Likewise for one proxy. */
export function behind(name: ProxyName, suite: () => void): void {
  const isMissing = findProgram(name) === undefined;
  const reason = `${name} is not installed (Debian: apt-get install ${name})`;
  if (isMissing) process.stderr.write(`NOT TRIED: behind ${name}: ${reason}\n`);
  describe.skipIf(isMissing && !process.env.CI)(
    `behind ${name}${isMissing ? ` (${reason})` : ''}`,
    suite,
  );
}

/** nginx or HAProxy in a process of its own, whose files are in a folder that goes with it. */
export class ProxyProcess extends ManagedProcess {
  readonly port: number;
  readonly #folder: ConfigFolder;

  private constructor(command: string, args: readonly string[], port: number, to: ConfigFolder) {
    super(command, args, { cwd: to.path });
    this.port = port;
    this.#folder = to;
  }

  /**
   * Starts a proxy before servers on these ports, as documented.
   *
   * @param edit changes the documented configuration
   */
  static async start(
    name: ProxyName,
    servers: readonly number[],
    edit: (config: string, folder: ConfigFolder) => string = (config) => config,
  ): Promise<ProxyProcess> {
    const command = findProgram(name);
    if (command === undefined) throw new Error(`${name} is not installed`);
    const folder = new ConfigFolder();
    const port = await freePort();
    const program = PROGRAMS[name];
    const config = program.config(edit(documentedConfig(name), folder), port, servers);
    folder.write('proxy.conf', program.whole(config));
    const file = join(folder.path, 'proxy.conf');
    const proxy = new ProxyProcess(command, program.args(file), port, folder);
    await proxy.ready(() => isListening(port));
    return proxy;
  }

  static async startForTest(
    ...options: Parameters<typeof ProxyProcess.start>
  ): Promise<ProxyProcess> {
    const proxy = await ProxyProcess.start(...options);
    onTestFinished(() => proxy.remove());
    return proxy;
  }

  /** Ends it and removes its files. */
  async remove(): Promise<void> {
    await this.end();
    this.#folder[Symbol.dispose]();
  }
}

/** A proxy for a whole suite. The servers' ports are read when it starts. */
export function proxyForSuite(
  name: ProxyName,
  servers: () => readonly number[],
  edit?: (config: string, folder: ConfigFolder) => string,
): Pick<ProxyProcess, 'port'> {
  let proxy: ProxyProcess | undefined;
  beforeAll(async () => {
    proxy = await ProxyProcess.start(name, servers(), edit);
  });
  afterAll(() => proxy?.remove());
  return {
    get port() {
      return proxy?.port ?? 0;
    },
  };
}

/** How each is started as one process in the foreground, which a signal ends with all it has. */
const PROGRAMS = {
  nginx: {
    args: (file: string) => ['-p', join(file, '..'), '-c', file],
    config: (sample: string, port: number, servers: readonly number[]) =>
      replaced(
        replaced(sample, 'listen 80;', `listen 127.0.0.1:${port};`),
        `server ${SAMPLE_ADDRESS} max_fails=0;`,
        servers.map((server) => `server 127.0.0.1:${server} max_fails=0;`).join('\n'),
      ),
    whole: (sample: string) => `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  scgi_temp_path scgi;
  uwsgi_temp_path uwsgi;
${sample}
}
`,
  },
  haproxy: {
    args: (file: string) => ['-db', '-f', file],
    config: (sample: string, port: number, servers: readonly number[]) => {
      const [line = ''] = /^ *server one .*$/m.exec(sample) ?? [];
      const lines = servers.map((server, i) =>
        replaced(line, SAMPLE_ADDRESS, `127.0.0.1:${server}`).replace('one', `s${i}`),
      );
      return replaced(
        replaced(sample, 'bind :80', `bind 127.0.0.1:${port}`),
        line,
        lines.join('\n'),
      );
    },
    whole: (sample: string) => sample,
  },
} as const;
