import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { SymbolOracle, type Tick } from '../../testkit/independent/statistics.ts';
import { builtProgram, freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { ConfigFolder } from '../support/folders.ts';
import { replaced } from '../support/proxy-process.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const PAGE = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
/** The port of the page's trial start. */
const SAMPLE_PORT = '9101';
const SYMBOLS = 40;

/** The commands of the page. */
function drill(name: string): string {
  const [, commands] =
    new RegExp(`<!-- drill: ${name} -->\n\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(PAGE) ?? [];
  if (commands === undefined) throw new Error(`docs/OPERATIONS.md has no drill named ${name}`);
  return commands;
}

interface Row {
  readonly symbol: string;
  readonly currentPrice: number;
  readonly movingAverage: number;
  readonly updateCount: number;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly anomaliesDetected: number;
}

async function rowsOf(port: number): Promise<readonly Row[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/prices?symbols=*&limit=1000`);
  return ((await answer.json()) as { items: Row[] }).items;
}

const countOf = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + row.updateCount, 0);

/** Ticks to a server until they are stopped, and what they were. */
function startLoad(port: number) {
  const random = new Random(20);
  const ticks = new Map<string, Tick[]>();
  const publisher = connectPublisher(`ws://127.0.0.1:${port}`, { publisher: 'drill' });
  const timer = setInterval(() => {
    for (let i = 0; i < 40; i++) {
      const symbol = `S${random.below(SYMBOLS)}`;
      const tick = { price: 100 + random.below(5), time: Date.now() };
      ticks.set(symbol, [...(ticks.get(symbol) ?? []), tick]);
      publisher.publish(symbol, tick.price, tick.time);
    }
  }, 10);
  const stop = async () => {
    clearInterval(timer);
    await publisher.close();
  };
  onTestFinished(stop);
  return { ticks, stop };
}

it('a backup made under load is tried and restored: each row is one that was', async () => {
  const folder = new ConfigFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const command = `'${process.execPath}' '${builtProgram('src/main')}'`;
  folder.write('tickwire', `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(join(folder.path, 'tickwire'), 0o755);
  const [store, backup] = [join(folder.path, 'store'), join(folder.path, 'backup')];
  const env = { PATH: `${folder.path}:${process.env.PATH}`, STORE: store, BACKUP: backup };

  /** Runs commands of the page as they are, to their end. */
  async function run(name: string, commands = drill(name)): Promise<string> {
    const shell = new ManagedProcess('bash', ['-euc', commands], { cwd: folder.path, env });
    onTestFinished(async () => {
      await shell.end();
    });
    expect(await shell.exited, `${name}: ${shell.output}`).toBe(0);
    return shell.output;
  }

  const flags = [`--store.directory=${store}`, '--store.snapshotIntervalMs=500'];
  const server = await serverProcessForTest(flags);
  const load = startLoad(server.port);
  // Until there are some generations of snapshots.
  const snapshots = () => readdirSync(store).filter((name) => name.endsWith('.tws'));
  await until(() => snapshots().length > 2);
  const before = countOf(await rowsOf(server.port));
  // The journal's file has them a little later.
  await delay(100);
  await run('copy');
  const after = countOf(await rowsOf(server.port));
  await delay(1000);
  expect(before).toBeGreaterThan(1000);
  expect(countOf(await rowsOf(server.port))).toBeGreaterThan(after);

  const port = await freePort();
  const output = await run('check', replaced(drill('check'), SAMPLE_PORT, String(port)));
  expect(output).toContain('symbol,currentPrice,movingAverage');
  expect(output).toMatch(/^S\d+,\d/m);
  expect(existsSync(`${backup}.try`)).toBe(false);

  await load.stop();
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  await run('restore');
  expect(existsSync(`${store}.before/data.mdb`)).toBe(true);
  const restored = await serverProcessForTest(flags);
  const rows = await rowsOf(restored.port);
  expect(rows).toHaveLength(SYMBOLS);
  expect(countOf(rows)).toBeGreaterThanOrEqual(before);
  expect(countOf(rows)).toBeLessThanOrEqual(after);
  for (const row of rows) {
    const oracle = new SymbolOracle();
    for (const { price, time } of load.ticks.get(row.symbol)?.slice(0, row.updateCount) ?? []) {
      oracle.apply(price, time);
    }
    expect(row).toMatchObject({
      currentPrice: oracle.price,
      movingAverage: oracle.average,
      updateCount: oracle.count,
      minPrice: oracle.min,
      maxPrice: oracle.max,
      anomaliesDetected: oracle.anomalies.length,
    });
    const page = `/api/prices/${row.symbol}/anomalies?limit=1000`;
    const answer = await fetch(`http://127.0.0.1:${restored.port}${page}`);
    const { items } = (await answer.json()) as { items: { sequence: number; newPrice: number }[] };
    const expected = oracle.anomalies.map(({ sequence, price }) => ({ sequence, newPrice: price }));
    expect(items.map(({ sequence, newPrice }) => ({ sequence, newPrice }))).toEqual(
      expected.slice(0, items.length),
    );
    expect(items).toHaveLength(Math.min(expected.length, 1000));
  }
  expect(await readyz(restored.port)).toBe(200);
});

async function readyz(port: number): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
}
