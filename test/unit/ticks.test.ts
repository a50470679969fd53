import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { readTicks, recordedTicks, TICKS_VARIABLE } from '../../testkit/ticks.ts';
import { folderForSuite } from '../support/folders.ts';

const directory = folderForSuite();

const CSV = 'time,symbol,price,size\n1618677709984,X:CRV-EUR,3.2981,400\n1.5,日経,43.550,7.9\n';
const TICKS = [
  { symbol: 'X:CRV-EUR', price: 3.2981, time: 1618677709984 },
  { symbol: '日経', price: 43.55, time: 1.5 },
];

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

it('reads plain and gzipped files, and columns in any order', () => {
  expect(readTicks(file('a.csv', CSV))).toEqual(TICKS);
  expect(readTicks(file('a.csv.gz', gzipSync(CSV)))).toEqual(TICKS);
  expect(readTicks(file('b.csv', 'price,x,symbol,time\r\n2,,A,1\r\n'))).toEqual([
    { symbol: 'A', price: 2, time: 1 },
  ]);
});

it('names what it cannot read', () => {
  expect(() => readTicks(file('c.csv', 'time,symbol\n1,A\n'))).toThrow('no column "price"');
  for (const line of ['1,A,0', '1,A,x', '-1,A,1', '1,,1', '1,A']) {
    const path = file('d.csv', `time,symbol,price\n1,A,1\n${line}\n`);
    expect(() => readTicks(path)).toThrow(`${path}:3: not a tick: ${line}`);
  }
});

it('finds the file that the environment names', () => {
  vi.stubEnv(TICKS_VARIABLE, file('e.csv', CSV));
  expect(recordedTicks()).toEqual(TICKS);
  vi.stubEnv(TICKS_VARIABLE, '');
  expect(recordedTicks()).toBeUndefined();
  vi.unstubAllEnvs();
});
