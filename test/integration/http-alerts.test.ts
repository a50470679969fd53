import { expect, it, onTestFinished } from 'vitest';
import { AlertRig } from '../support/alert-rig.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { StoreFolder } from '../support/store-folder.ts';

const TIME = 1_700_000_000_000;

interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly next?: string | number | null;
}

async function rigWith(hasStore: boolean): Promise<{ rig: AlertRig; http: HttpClient }> {
  const folder = new StoreFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const rig = await AlertRig.start(['A', 'B/alerts', 'C'], hasStore ? folder : undefined);
  rig.raise('A', { time: TIME, startTime: TIME });
  rig.raise('B/alerts', { time: TIME + 1, rule: 'print', kind: 'gap', level: 2, direction: -1 });
  rig.raise('A', { time: TIME + 2, phase: 2, level: 2 });
  rig.raise('A', { time: TIME + 3, startTime: TIME, phase: 4, level: 2, reason: 3, count: 9 });
  return { rig, http: await HttpClient.connect(rig.port) };
}

const summary = ({ items }: Page) =>
  items.map(({ symbol, sequence }) => `${String(symbol)} ${String(sequence)}`);

it.each([true, false])('GET /api/alerts filters, newest first (store: %s)', async (has) => {
  const { http } = await rigWith(has);
  const get = async (query: string) => summary((await http.get<Page>(`/api/alerts${query}`)).json);
  expect((await get('')).toSorted()).toEqual(['A 1', 'A 2', 'A 3', 'B/alerts 1']);
  const ofA = await get('?symbol=A');
  expect(ofA).toEqual(['A 3', 'A 2', 'A 1']);
  expect(await get('?symbol=A&limit=1')).toEqual(['A 3']);
  expect(await get('?rule=print')).toEqual(['B/alerts 1']);
  expect(await get('?rule=print&rule=flash&symbol=A&phase=start')).toEqual(['A 1']);
  expect(await get('?level=critical&symbol=A')).toEqual(['A 3', 'A 2']);
  expect(await get('?level=warning')).toEqual(['A 1']);
  expect(await get('?phase=end&phase=escalate')).toEqual(['A 3', 'A 2']);
  expect(await get('?rule=none')).toEqual([]);
  const bad = await http.get<Problem>('/api/alerts?level=loud&phase=1&symbol=');
  expect(bad.status).toBe(400);
  expect(bad.json.errors?.map(({ name }) => name)).toEqual(['symbol', 'level', 'phase']);
});

it('GET /api/alerts pages through a time range, oldest first', async () => {
  const { http } = await rigWith(true);
  const all = await http.get<Page>(`/api/alerts?from=${TIME}&limit=3`);
  expect(summary(all.json)).toEqual(['A 1', 'B/alerts 1', 'A 2']);
  const rest = await http.get<Page>(`/api/alerts?from=${TIME}&limit=3&after=${all.json.next}`);
  expect(summary(rest.json)).toEqual(['A 3']);
  expect(rest.json.next).toBeNull();
  const filtered = await http.get<Page>(`/api/alerts?from=${TIME}&level=critical&symbol=A&limit=1`);
  expect(summary(filtered.json)).toEqual(['A 2']);
  const range = await http.get<Page>(`/api/alerts?from=${TIME + 1}&to=${TIME + 2}`);
  expect(summary(range.json)).toEqual(['B/alerts 1']);
  expect((await http.get('/api/alerts?after=nonsense')).status).toBe(400);
});

it('GET /api/prices/{symbol}/alerts names every field; the reason only at ends', async () => {
  const { http } = await rigWith(true);
  const { json } = await http.get<Page>('/api/prices/A/alerts');
  expect(json.next).toBeNull();
  expect(json.items[0]).toEqual({
    symbol: 'A',
    sequence: 1,
    rule: 'flash',
    episode: 1,
    phase: 'start',
    level: 'warning',
    direction: 'Up',
    reference: 100,
    price: 103,
    changePercent: 3,
    time: '2023-11-14T22:13:20.000Z',
    startTime: '2023-11-14T22:13:20.000Z',
    peak: 103,
    count: 1,
  });
  expect(json.items[2]).toMatchObject({ phase: 'end', level: 'critical', reason: 'settled' });
  const page = await http.get<Page>('/api/prices/A/alerts?after=1&limit=1');
  expect([summary(page.json), page.json.next]).toEqual([['A 2'], 2]);
  const other = await http.get<Page>('/api/prices/B%2Falerts/alerts');
  expect(summary(other.json)).toEqual(['B/alerts 1']);
  expect((await http.get<Page>('/api/prices/C/alerts')).json.items).toEqual([]);
  expect((await http.get('/api/prices/NONE/alerts')).status).toBe(404);
});

it('without a store only recent alerts are there, and no range of time', async () => {
  const { http } = await rigWith(false);
  expect((await http.get<Page>('/api/prices/A/alerts')).json.items).toHaveLength(3);
  const range = await http.get<Problem>(`/api/alerts?from=${TIME}`);
  expect([range.status, range.json.detail]).toEqual([
    404,
    'This server has no store: it has recent alerts only.',
  ]);
});

it('CSV has a column for every field', async () => {
  const { rig } = await rigWith(true);
  const url = `http://127.0.0.1:${rig.port}/api/prices/A/alerts`;
  const text = await (await fetch(url, { headers: { accept: 'text/csv' } })).text();
  const [header, first, , last] = text.split('\r\n');
  expect(header).toBe(
    'symbol,sequence,rule,episode,phase,level,direction,reference,price,changePercent,time,' +
      'startTime,peak,count,reason',
  );
  expect(first?.endsWith(',103,1,')).toBe(true);
  expect(last?.endsWith(',103,9,settled')).toBe(true);
});

it('GET /api/rules tells what is in force, and what it has done', async () => {
  const overrides = [{ symbols: ['PENNY-*'], warning: '20%' }];
  const limits = { windowMs: 1000, warning: '2%', overrides };
  const flash = { name: 'flash', kind: 'spike', symbols: ['*'], ...limits };
  const foreign = { ...flash, name: 'theirs', tenant: 'acme' };
  const text = JSON.stringify({ rules: [flash, foreign] });
  const rig = await AlertRig.start(['A'], undefined, { rules: { text, since: TIME } });
  const http = await HttpClient.connect(rig.port);
  const { json } = await http.get<{ items: object[] }>('/api/rules');
  // As `sha256sum` prints it.
  const version = '2c2fc270de13';
  expect(json).toMatchObject({ since: '2023-11-14T22:13:20.000Z', version, refused: null });
  expect(json.items).toHaveLength(1);
  expect(json.items[0]).toMatchObject({
    name: 'flash',
    kind: 'spike',
    symbols: ['*'],
    settings: { windowMs: 1000, warning: { unit: 'percent', value: 2 } },
    meaning: [
      'when a price is more than 2 % from the lowest or highest of 1 s',
      expect.stringMatching(/^an episode ends within 0.5 × the threshold/),
      'for PENNY-*: warning 20 %',
    ],
    started: 0,
    open: 0,
    suppressed: 0,
    failed: 0,
  });
  const without = await HttpClient.connect((await AlertRig.start(['A'])).port);
  const nothing = { since: null, version: null, refused: null, items: [] };
  expect((await without.get('/api/rules')).json).toEqual(nothing);
});
