import { expect, onTestFinished, test } from 'vitest';
import { connectToNats } from '../../src/cluster/index.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { ScriptedNats } from '../support/scripted-nats.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A bus to a broker that answers as scripted. */
async function busTo(answers: Parameters<typeof ScriptedNats.start>[0]) {
  const broker = await ScriptedNats.start(answers);
  onTestFinished(() => broker.stop());
  const config = defaultConfig();
  const cluster = { ...config.cluster, servers: broker.address };
  const bus = await connectToNats({ ...config, cluster }, QUIET);
  onTestFinished(() => bus.close());
  return bus;
}

test('an append that the broker refuses fails, whatever else the answer says', async () => {
  const answers: object[] = [
    { stream: 'T', seq: 7 },
    { stream: 'T', seq: 0, error: { code: 400, err_code: 10163, description: 'try again' } },
    { error: { code: 400, err_code: 10163, description: 'try again' } },
    { error: { code: 400, err_code: 10071, description: 'wrong last sequence: 7' } },
    { stream: 'T', seq: 8 },
  ];
  const bus = await busTo(() => answers.shift());
  const append = () => bus.append({ subject: 'c.t.0', payload: new Uint8Array(3) });
  expect(await append()).toBe(7);
  // In process, or not: the caller has to look.
  await expect(append()).rejects.toThrow('try again (10163)');
  await expect(append()).rejects.toThrow('try again (10163)');
  await expect(append()).rejects.toThrow('wrong last sequence: 7 (10071)');
  expect(await append()).toBe(8);
});

test('a key is written as an append that expects its revision, where one is given', async () => {
  const written: string[] = [];
  const wrong = { code: 400, err_code: 10071, description: 'wrong last sequence: 9' };
  const bus = await busTo((subject, message) => {
    if (subject === '$JS.API.STREAM.INFO.KV_c_ledger') return { config: {}, state: {} };
    if (subject.startsWith('$JS.API.')) return { error: { code: 404, err_code: 10037 } };
    expect(subject).toBe('$KV.c_ledger.a-b_C');
    written.push(message);
    return message.includes(': 8\r\n') ? { error: wrong } : { seq: 8 + written.length };
  });
  const keys = await bus.openKeys('c_ledger', 0);
  const value = Buffer.from('{}');
  expect(await keys.put('a-b_C', value)).toBe(9);
  expect(await keys.update('a-b_C', value, 0)).toBe(10);
  expect(await keys.update('a-b_C', value, 10)).toBe(11);
  await expect(keys.update('a-b_C', value, 8)).rejects.toThrow('wrong last sequence: 9 (10071)');
  const expecting = (revision: number) =>
    `NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: ${revision}\r\n\r\n{}\r\n`;
  expect(written).toEqual(['{}\r\n', expecting(0), expecting(10), expecting(8)]);
  await expect(keys.put('a b', value)).rejects.toThrow('not a key: a b');
});
