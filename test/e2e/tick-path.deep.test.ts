import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';
import { isServing, SMALL } from '../../testkit/server-process.ts';
import { delay } from '../../testkit/until.ts';
import { FileCoverage } from '../support/file-coverage.ts';
import { pairForTest } from '../support/test-clients.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES_MAX = 25;
const ROUNDS = 4;
/** Longer than the period of each frequent timer of an idle server. */
const PAUSE_MS = 1500;

/** Paths of all files below `src`, without ending. */
const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.slice(0, -3).replaceAll('\\', '/'));

/** The one source whose path ends with this name. */
function sourceOf(name: string): string {
  const found = SOURCES.filter((path) => `/${path}`.endsWith(`/${name}`));
  expect(found, `sources that ${name} may mean`).toHaveLength(1);
  return found[0] as string;
}

/** The files of the drawing in "The path of a tick", and those of the paragraph under it. */
function documentedPath(): { drawn: string[]; listed: string[] } {
  const page = readFileSync(join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8');
  const section = page.split('\n## ').find((text) => text.startsWith('The path of a tick\n')) ?? '';
  const [, drawing = '', text = ''] = section.split('```');
  const drawn = drawing
    .split('\n')
    .flatMap(
      (line) => /^ {3}(?:gateway|worker| {6})? +([a-z/-]+(?:, [a-z/-]+)*)/.exec(line)?.[1] ?? [],
    )
    .flatMap((names) => names.split(', '));
  const [list = ''] = text.trim().split('\n\n');
  const listed = [...list.matchAll(/`([a-z/-]+)`/g)].map(([, name]) => name as string);
  return { drawn: drawn.map(sourceOf), listed: listed.map(sourceOf) };
}

/** A built server that the inspector is attached to. */
async function inspectedServer(): Promise<{ port: number; coverage: FileCoverage }> {
  const flags = ['--log.format=json', '--store.directory=', ...SMALL];
  const args = ['--inspect=127.0.0.1:0', builtProgram('src/main'), ...flags];
  const server = new ManagedProcess(process.execPath, args, { env: { PATH: process.env.PATH } });
  onTestFinished(async () => {
    await server.end();
  });
  const portOf = () => Number(/"url":"http:\/\/[^"]*:(\d+)"/.exec(server.output)?.[1] ?? 0);
  await server.ready(async () => portOf() !== 0 && (await isServing(portOf())));
  const [url = ''] = /ws:\/\/127\.0\.0\.1:\S+/.exec(server.output) ?? [];
  const coverage = await FileCoverage.start(url);
  onTestFinished(() => coverage[Symbol.dispose]());
  return { port: portOf(), coverage };
}

it('docs/ARCHITECTURE.md names exactly the files that a tick passes through', async () => {
  const { drawn, listed } = documentedPath();
  expect(drawn.length).toBeGreaterThan(0);
  expect(drawn.length).toBeLessThanOrEqual(FILES_MAX);
  const named = [...drawn, ...listed];
  expect(new Set(named).size).toBe(named.length);

  const { port, coverage } = await inspectedServer();
  const { symbol, publisher, subscriber } = await pairForTest(port);
  publisher.declare(0, [symbol]);
  let count = 0;
  const pass = async () => {
    publisher.publish([{ symbol, price: 100 + count / 1000, time: null }]);
    count++;
    await publisher.acknowledged();
    await subscriber.counted(symbol, count);
  };
  // The first tick creates the symbol.
  for (let i = 0; i < 3; i++) await pass();
  await delay(PAUSE_MS);

  const idle = new Set<string>();
  const ticks: Set<string>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await coverage.take();
    await delay(PAUSE_MS);
    for (const file of await coverage.take()) idle.add(file);
    await pass();
    ticks.push(await coverage.take());
    // Work that a tick leaves to a timer must not count as idle.
    await delay(PAUSE_MS);
  }

  const ever = new Set(ticks.flatMap((files) => [...files]));
  expect(named.filter((file) => !ever.has(file))).toEqual([]);
  // A file that ran for some of the ticks only was called by a timer.
  const always = [...ever].filter((file) => ticks.every((files) => files.has(file)));
  const unnamed = always.filter((file) => !idle.has(file) && !named.includes(file));
  expect(unnamed).toEqual([]);
});
