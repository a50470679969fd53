import { expect, test } from 'vitest';
import type { KeyValues, Value } from '../../src/cluster/bus.ts';
import { agreeOnSettings } from '../../src/cluster/settings.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { Config } from '../../src/config/schema.ts';

/** Keys whose copy, which answers reads, is behind for so many reads. */
class LaggingKeys implements Pick<KeyValues, 'get' | 'update'> {
  stored: Value | undefined;
  #behind: number;

  constructor(behind: number) {
    this.#behind = behind;
  }

  async get(): Promise<Value | undefined> {
    return this.#behind-- > 0 ? undefined : this.stored;
  }

  async update(_key: string, value: Uint8Array): Promise<number> {
    if (this.stored !== undefined) throw new Error('wrong last sequence: 1');
    this.stored = { value, revision: 1 };
    return 1;
  }
}

const keysOf = (keys: LaggingKeys) => keys as unknown as KeyValues;

function config(shards = 16): Config {
  return parseConfig({ cluster: { role: 'edge', servers: 'nats://127.0.0.1:4222', shards } });
}

test('the first process makes the settings, and needs no copy to know them', async () => {
  const keys = new LaggingKeys(Number.POSITIVE_INFINITY);
  await agreeOnSettings(config(), keysOf(keys));
  expect(keys.stored).toBeDefined();
});

test('a copy that does not know them yet is asked again', async () => {
  const keys = new LaggingKeys(0);
  await agreeOnSettings(config(), keysOf(keys));
  const lagging = new LaggingKeys(3);
  lagging.stored = keys.stored;
  await agreeOnSettings(config(), keysOf(lagging));
  const other = new LaggingKeys(3);
  other.stored = keys.stored;
  await expect(agreeOnSettings(config(32), keysOf(other))).rejects.toThrow(
    'cluster.shards: expected 16, got 32',
  );
});
