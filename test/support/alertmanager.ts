import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { AlertReceiver } from './alert-receiver.ts';
import { findProgram } from './example-process.ts';
import { ConfigFolder } from './folders.ts';

const NAME = 'prometheus-alertmanager';
const program = findProgram(NAME);

/** Why Alertmanager cannot be tried here; undefined if it can. */
export const noAlertmanager =
  program === undefined ? `${NAME} is not installed (Debian: apt-get install ${NAME})` : undefined;
if (noAlertmanager !== undefined) {
  process.stderr.write(`NOT TRIED: alerts to Alertmanager: ${noAlertmanager}\n`);
}

interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** A real Alertmanager that tells a receiver. */
export class Alertmanager {
  /** Host and port. */
  readonly address: string;
  readonly url: string;
  readonly told: AlertReceiver;

  private constructor(port: number, told: AlertReceiver) {
    this.address = `127.0.0.1:${port}`;
    this.url = `http://${this.address}/api/v2/alerts`;
    this.told = told;
  }

  static async start(groupWait = '0s'): Promise<Alertmanager> {
    const told = await AlertReceiver.start();
    const folder = new ConfigFolder();
    folder.write(
      'alertmanager.yml',
      [
        'route:',
        '  receiver: hook',
        `  group_wait: ${groupWait}`,
        '  group_interval: 100ms',
        "  group_by: ['...']",
        'receivers:',
        '- name: hook',
        '  webhook_configs:',
        `  - url: ${told.url}`,
      ].join('\n'),
    );
    const port = await freePort();
    const manager = new Alertmanager(port, told);
    const server = new ManagedProcess(program ?? NAME, [
      `--config.file=${join(folder.path, 'alertmanager.yml')}`,
      `--storage.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ]);
    onTestFinished(async () => {
      await server.end();
      folder[Symbol.dispose]();
    });
    await server.ready(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    });
    return manager;
  }

  async known(): Promise<readonly KnownAlert[]> {
    return (await fetch(this.url)).json() as Promise<readonly KnownAlert[]>;
  }

  /** `SYMBOL level status`, in the order in which the receiver was told. */
  notified(): readonly string[] {
    return this.told.bodies.flatMap(({ alerts }) =>
      (alerts as { status: string; labels: Record<string, string> }[]).map(
        ({ status, labels }) => `${labels.symbol} ${labels.level} ${status}`,
      ),
    );
  }
}
