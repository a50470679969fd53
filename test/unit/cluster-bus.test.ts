import { expect, onTestFinished, test } from 'vitest';
import { connectToNats } from '../../src/cluster/index.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { ScriptedNats } from '../support/scripted-nats.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('an append that the broker refuses fails, whatever else the answer says', async () => {
  const answers: object[] = [
    { stream: 'T', seq: 7 },
    { stream: 'T', seq: 0, error: { code: 400, err_code: 10163, description: 'try again' } },
    { error: { code: 400, err_code: 10163, description: 'try again' } },
    { error: { code: 400, err_code: 10071, description: 'wrong last sequence: 7' } },
    { stream: 'T', seq: 8 },
  ];
  const broker = await ScriptedNats.start(() => answers.shift());
  onTestFinished(() => broker.stop());
  const config = defaultConfig();
  const cluster = { ...config.cluster, servers: broker.address };
  const bus = await connectToNats({ ...config, cluster }, QUIET);
  onTestFinished(() => bus.close());
  const append = () => bus.append({ subject: 'c.t.0', payload: new Uint8Array(3) });
  expect(await append()).toBe(7);
  // In process, or not: the caller has to look.
  await expect(append()).rejects.toThrow('try again (10163)');
  await expect(append()).rejects.toThrow('try again (10163)');
  await expect(append()).rejects.toThrow('wrong last sequence: 7 (10071)');
  expect(await append()).toBe(8);
});
