import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { findProgram } from './example-process.ts';
import { ConfigFolder } from './folders.ts';
import { replaced } from './proxy-process.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
/** The addresses and intervals of deploy/prometheus/prometheus.yml. */
const SAMPLE = { address: '127.0.0.1:9001', interval: '15s' };

const programs = { prometheus: findProgram('prometheus'), promtool: findProgram('promtool') };

/** Why Prometheus cannot be tried here; undefined if it can. */
export const noPrometheus =
  programs.prometheus === undefined || programs.promtool === undefined
    ? 'prometheus is not installed (Debian: apt-get install prometheus)'
    : undefined;
if (noPrometheus !== undefined) {
  process.stderr.write(`NOT TRIED: alerts and dashboards: ${noPrometheus}\n`);
}

/** @returns what it printed, and whether it was content */
export async function promtool(
  args: readonly string[],
  folder: string,
): Promise<{ readonly isContent: boolean; readonly output: string }> {
  try {
    const options = { cwd: folder };
    const program = programs.promtool ?? 'promtool';
    const { stdout, stderr } = await promisify(execFile)(program, args, options);
    return { isContent: true, output: stdout + stderr };
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return { isContent: false, output: `${stdout}${stderr}` };
  }
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus. */
export class Prometheus {
  readonly #url: string;

  private constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/api/v1`;
  }

  /**
   * Starts one for a test, with the configuration of deploy/prometheus, that scrapes a server once
   * a second.
   *
   * @param alertmanager the address of one that gets the alerts
   */
  static async startForTest(server: number, alertmanager?: string): Promise<Prometheus> {
    const folder = new ConfigFolder();
    cpSync(DEPLOY, folder.path, { recursive: true });
    const sample = readFileSync(join(DEPLOY, 'prometheus.yml'), 'utf8');
    const config = replaced(
      replaced(sample, SAMPLE.address, `127.0.0.1:${server}`),
      SAMPLE.interval,
      '1s',
    );
    const targets = `{ static_configs: [{ targets: ['${alertmanager}'] }] }`;
    const alerting = `alerting: { alertmanagers: [${targets}] }\n`;
    folder.write('prometheus.yml', config + (alertmanager === undefined ? '' : alerting));
    onTestFinished(() => folder[Symbol.dispose]());
    return Prometheus.runForTest([
      `--config.file=${join(folder.path, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
    ]);
  }

  /** Starts one for a test with flags, on a port of its own. */
  static async runForTest(flags: readonly string[]): Promise<Prometheus> {
    const port = await freePort();
    const child = new ManagedProcess(programs.prometheus ?? 'prometheus', [
      ...flags,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    onTestFinished(async () => {
      await child.end();
    });
    await child.ready(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    });
    return new Prometheus(port);
  }

  /** The samples of a query, now. */
  async query(query: string): Promise<readonly Sample[]> {
    const { result } = await this.#get(`query?query=${encodeURIComponent(query)}`);
    return result as readonly Sample[];
  }

  async alerts(): Promise<readonly FiringAlert[]> {
    const { alerts } = await this.#get('alerts');
    return alerts as readonly FiringAlert[];
  }

  async #get(path: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.#url}/${path}`);
    const { status, data, error } = (await answer.json()) as {
      status: string;
      data: Record<string, unknown>;
      error?: string;
    };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
}
