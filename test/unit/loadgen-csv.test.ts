import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CsvError, type CsvOptions, CsvSource, ReplaySchedule } from '../../loadgen/csv-source.ts';
import { folderForSuite } from '../support/folders.ts';

describe('ReplaySchedule', () => {
  it('keeps the recorded pace, times the speed', () => {
    const schedule = new ReplaySchedule(4);
    expect([1000, 1004, 999, 2000].map((time) => schedule.dueMs(time))).toEqual([0, 1, 0, 250]);
  });

  it('knows no time at full speed', () => {
    expect(new ReplaySchedule(Number.POSITIVE_INFINITY).dueMs(5)).toBeNaN();
  });
});

describe('CsvSource', () => {
  const directory = folderForSuite();

  async function sourceOf(
    content: string | Uint8Array,
    options: Partial<CsvOptions> = {},
    name = 'ticks.csv',
  ): Promise<CsvSource> {
    const file = join(directory, name);
    await writeFile(file, content);
    return new CsvSource({
      file,
      timeColumn: 'time',
      timeUnit: 'ms',
      symbolColumn: 'symbol',
      priceColumn: 'price',
      speed: 1,
      ...options,
    });
  }

  async function ticksOf(source: CsvSource): Promise<(string | number)[][]> {
    const ticks: (string | number)[][] = [];
    for (let batch = await source.next(); batch !== undefined; batch = await source.next()) {
      for (let i = 0; i < batch.count; i++) {
        const symbol = source.symbols[batch.symbols[i] as number] as string;
        const [price, time] = [batch.prices[i] as number, batch.times[i] as number];
        ticks.push([symbol, price, time, batch.dueMs[i] as number]);
      }
    }
    return ticks;
  }

  const content = 'symbol,size,price,time\nBTC,1,64250.5,1000\n"A,B",2,7,1010\nBTC,1,64251,1020\n';
  const expected = [
    ['BTC', 64250.5, 1000, 0],
    ['A,B', 7, 1010, 10],
    ['BTC', 64251, 1020, 20],
  ];

  it('reads columns by name, at the recorded pace', async () => {
    expect(await ticksOf(await sourceOf(content))).toEqual(expected);
  });

  it('reads quoted, empty and broken fields, and either line end', async () => {
    const text =
      '\ufeffsymbol,note,price,time\r\n"x, y",a"b,3,1\n"he said ""no""",,4,2\r\n\n' +
      '"line\nbreak","",5,3';
    expect(await ticksOf(await sourceOf(text))).toEqual([
      ['x, y', 3, 1, 0],
      ['he said "no"', 4, 2, 1],
      ['line\nbreak', 5, 3, 2],
    ]);
  });

  it('reads the same wherever a chunk of the file ends', async () => {
    // 1 MB in chunks of 64 KiB, which end in quotes, in line ends and within characters.
    const names = Array.from({ length: 30_000 }, (_, i) => `é,${'ж'.repeat(i % 7)}"\r\n${i}`);
    const rows = names.map((name, i) => `"${name.replace('"', '""')}",${i + 1},${i}\r\n`);
    const ticks = await ticksOf(await sourceOf(`symbol,price,time\r\n${rows.join('')}`));
    expect(ticks.map(([symbol]) => symbol)).toEqual(names);
    expect(ticks.map(([, price]) => price)).toEqual(names.map((_, i) => i + 1));
  });

  it('refuses a file whose last quote is open', async () => {
    const source = await sourceOf('symbol,price,time\nA,1,5\n"B,1,6\n');
    await expect(ticksOf(source)).rejects.toThrow(CsvError);
  });

  it('unpacks .gz', async () => {
    const source = await sourceOf(gzipSync(content), {}, 'ticks.csv.gz');
    expect(await ticksOf(source)).toEqual(expected);
  });

  it('reads a long file in pieces, and knows its symbols before', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => `S${i % 7},${1 + i},${i}\n`);
    const source = await sourceOf(`symbol,price,time\n${rows.join('')}`);
    await source.preview();
    expect(source.symbols).toHaveLength(7);
    const ticks = await ticksOf(source);
    expect(ticks).toHaveLength(30_000);
    expect(ticks.at(-1)).toEqual([`S${29_999 % 7}`, 30_000, 29_999, 29_999]);
  });

  it('reads other units and written times', async () => {
    const inSeconds = await sourceOf('symbol,price,time\nA,1,1.5\n', { timeUnit: 's' });
    expect(await ticksOf(inSeconds)).toEqual([['A', 1, 1500, 0]]);
    const written = await sourceOf('symbol,price,time\nA,1,2024-01-01T00:00:00.250Z\n');
    expect(await ticksOf(written)).toEqual([['A', 1, Date.UTC(2024, 0, 1, 0, 0, 0, 250), 0]]);
  });

  it('skips and counts rows that are no ticks', async () => {
    const source = await sourceOf('symbol,price,time\nA,1,5\nA,,6\n,1,7\nA,x,8\nA,1,\nA,2,9\n');
    expect(await ticksOf(source)).toHaveLength(2);
    expect(source.skippedRows).toBe(4);
  });

  it('says what is wrong with a file', async () => {
    const noColumn = await sourceOf(content, { priceColumn: 'last' });
    await expect(noColumn.preview()).rejects.toThrow(/no column last; its header has symbol, size/);
    const noGzip = await sourceOf('plain', {}, 'broken.csv.gz');
    await expect(noGzip.next()).rejects.toThrow(CsvError);
    const missing = await sourceOf('x', { file: join(directory, 'absent.csv') });
    await expect(missing.preview()).rejects.toThrow(/absent.csv.*ENOENT/);
    const empty = await sourceOf('symbol,price,time\n');
    await expect(empty.preview()).rejects.toThrow('no ticks in it');
  });
});
