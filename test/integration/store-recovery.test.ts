import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { encodeSymbolState, type SymbolState } from '../../src/engine/index.ts';
import { SnapshotWriter } from '../../src/store/snapshot-format.ts';
import { folderForTest } from '../support/folders.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const TIME = Date.now() - 1000;

function stateOf(symbol: string, change: Partial<SymbolState> = {}): SymbolState {
  const place = Float64Array.of(TIME, 4);
  return {
    symbol,
    anomalies: 0,
    count: 2,
    price: 4,
    average: 3,
    time: TIME,
    min: 2,
    max: 4,
    averaging: { window: 64, taken: 2, prices: Float64Array.of(2, 4) },
    minima: place,
    maxima: place,
    ...change,
  };
}

const HEADER = { takenAt: TIME, publishers: [] };

function snapshotOf(states: readonly Uint8Array[], header: object | null = HEADER): Buffer {
  const writer = new SnapshotWriter();
  const chunk = Buffer.concat(states);
  const parts = [writer.begin(header as never), writer.chunk(chunk), chunk, writer.end()];
  return Buffer.concat(parts);
}

/** A state with some bytes changed, and a checksum that agrees. */
function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  change(view);
  view.setUint32(4, crc32(bytes.subarray(8)), true);
  return bytes;
}

/** Starts a server on a store with these snapshots, numbered from 1. */
async function startOn(...snapshots: readonly Buffer[]): Promise<[TestServer, string]> {
  const directory = folderForTest();
  const config = { store: { directory, snapshotIntervalMs: 0 } };
  await (await startTestServer(config)).stop();
  for (const [index, bytes] of snapshots.entries()) {
    writeFileSync(join(directory, `snapshot-${index + 1}.tws`), bytes);
  }
  const server = await startTestServer(config, { logLevel: 'trace' });
  onTestFinished(() => server.stop());
  return [server, directory];
}

async function get(server: TestServer, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`);
}

async function names(server: TestServer): Promise<string[]> {
  const { items } = (await (await get(server, '/api/prices')).json()) as {
    items: { symbol: string }[];
  };
  return items.map(({ symbol }) => symbol);
}

it('sets aside a symbol that cannot be restored, names it, counts it, keeps the file', async () => {
  const damaged = encodeSymbolState(stateOf('TORN'));
  damaged[60] = (damaged[60] as number) ^ 1;
  const [server, directory] = await startOn(
    snapshotOf([
      encodeSymbolState(stateOf('GOOD')),
      encodeSymbolState(stateOf('BAD', { price: Number.NaN })),
      damaged,
      encodeSymbolState(stateOf('ALSO-GOOD')),
    ]),
  );
  expect(await names(server)).toEqual(['ALSO-GOOD', 'GOOD']);
  // Taken out, since a test server's log must be free of errors at the end.
  const faults = (server.faults as string[])
    .splice(0)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const path = join(directory, 'snapshot-1.tws');
  expect(faults).toHaveLength(2);
  expect(faults).toContainEqual(
    expect.objectContaining({
      symbol: 'BAD',
      fault: 'price is NaN, not a finite number above 0',
      path,
    }),
  );
  expect(faults).toContainEqual(
    expect.objectContaining({
      fault: expect.stringContaining('the checksum does not match'),
      path,
    }),
  );
  expect(await (await get(server, '/metrics')).text()).toContain(
    '\ntickwire_snapshot_symbols_set_aside 2\n',
  );
  expect(readdirSync(directory)).toContain('snapshot-1.tws.kept');
});

it.each([
  ['whose header is not ours', snapshotOf([], null)],
  ['whose states cannot be told apart', snapshotOf([encodeSymbolState(stateOf('X')).slice(0, 99)])],
  ['that is cut', snapshotOf([encodeSymbolState(stateOf('X'))]).subarray(0, 60)],
])('falls back from a snapshot %s to the one before', async (_what, newest) => {
  const [server, directory] = await startOn(
    snapshotOf([encodeSymbolState(stateOf('OLD'))]),
    newest,
  );
  expect(await names(server)).toEqual(['OLD']);
  await server.stop();
  // The bad one is kept aside, and not counted among the last two.
  const kept = readdirSync(directory).filter((name) => name.startsWith('snapshot-'));
  expect(kept.sort()).toEqual(['snapshot-1.tws', 'snapshot-2.tws.kept', 'snapshot-3.tws']);
});

it('refuses what a newer server wrote, and changes nothing', async () => {
  const newer = changed(encodeSymbolState(stateOf('NEW')), (view) => view.setUint8(8, 9));
  await expect(
    startOn(snapshotOf([encodeSymbolState(stateOf('OLD'))]), snapshotOf([newer])),
  ).rejects.toThrow('was written by a newer server');
});

it('reads states of an earlier server, whose sum and average may be infinite', async () => {
  const prices = new Float64Array(3).fill(Number.MAX_VALUE);
  const state = stateOf('HUGE', {
    count: 3,
    price: Number.MAX_VALUE,
    average: Number.POSITIVE_INFINITY,
    min: Number.MAX_VALUE,
    max: Number.MAX_VALUE,
    averaging: { window: 64, taken: 3, prices },
    minima: Float64Array.of(TIME, Number.MAX_VALUE),
    maxima: Float64Array.of(TIME, Number.MAX_VALUE),
  });
  const earlier = changed(encodeSymbolState(state), (view) => {
    view.setUint8(8, 1);
    view.setFloat64(96, Number.POSITIVE_INFINITY, true);
    view.setFloat64(104, Number.NaN, true);
  });
  const [server] = await startOn(snapshotOf([earlier]));
  const statistics = await (await get(server, '/api/prices/HUGE')).json();
  expect(statistics).toMatchObject({ movingAverage: Number.MAX_VALUE, updateCount: 3 });
  expect(server.faults).toEqual([]);
});

it('lets the next price replace one from a clock that was ahead, and says so', async () => {
  const hourAhead = Date.now() + 3_600_000;
  const place = Float64Array.of(hourAhead, 4);
  const change = { time: hourAhead, minima: place, maxima: place };
  const [server] = await startOn(snapshotOf([encodeSymbolState(stateOf('AHEAD', change))]));
  const url = `http://127.0.0.1:${server.port}/api/prices`;
  for (const price of [5, 6]) {
    const body = JSON.stringify({ symbol: 'AHEAD', price });
    await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  }
  const statistics = async () => (await get(server, '/api/prices/AHEAD')).json();
  await expect.poll(statistics).toMatchObject({ updateCount: 4, currentPrice: 6, maxPrice: 6 });
  const { lastUpdateTime } = (await statistics()) as { lastUpdateTime: string };
  expect(Date.parse(lastUpdateTime)).toBeLessThan(hourAhead - 3_000_000);
  const metrics = await (await get(server, '/metrics')).text();
  expect(metrics).toContain('\ntickwire_symbol_times_replaced_total 1\n');
  expect(metrics).toContain('\ntickwire_ticks_late_total 0\n');
  const said = server.lines.filter((line) => line.includes('too far ahead of the clock'));
  expect(said.map((line) => JSON.parse(line))).toMatchObject([
    { symbol: 'AHEAD', time: hourAhead },
  ]);
});

it('refuses seconds that are sent for milliseconds where maxPastMs says so', async () => {
  const server = await startTestServer({ processing: { maxPastMs: 86_400_000 } });
  onTestFinished(() => server.stop());
  const post = (timestamp: number) =>
    fetch(`http://127.0.0.1:${server.port}/api/prices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ symbol: 'A', price: 1, timestamp }),
    });
  expect((await post(Date.now() - 3_600_000)).status).toBe(202);
  const refused = await post(Math.floor(Date.now() / 1000));
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('at most 86400000 ms behind');
});
