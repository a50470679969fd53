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

function config(shards = 16, processing = {}): Config {
  const cluster = { role: 'edge', servers: 'nats://127.0.0.1:4222', shards } as const;
  return parseConfig({ cluster, processing });
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

test('a cluster of a version that waited for no late ticks goes on so', async () => {
  const keys = new LaggingKeys(0);
  await agreeOnSettings(config(), keysOf(keys));
  const { value } = keys.stored as Value;
  const stored = JSON.parse(new TextDecoder().decode(value)) as Record<string, unknown>;
  expect(stored).toMatchObject({ 'processing.allowedLatenessMs': 0 });
  stored['processing.allowedLatenessMs'] = undefined;
  stored['processing.reorderTicks'] = undefined;
  keys.stored = { value: new TextEncoder().encode(JSON.stringify(stored)), revision: 1 };
  await agreeOnSettings(config(16, { reorderTicks: 8 }), keysOf(keys));
  const late = config(16, { allowedLatenessMs: 200 });
  await expect(agreeOnSettings(late, keysOf(keys))).rejects.toThrow(
    'processing.allowedLatenessMs: expected 0, got 200; processing.reorderTicks: expected 0',
  );
});
