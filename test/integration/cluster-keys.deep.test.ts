import { describe, expect, it, onTestFinished } from 'vitest';
import { connectToNats } from '../../src/cluster/index.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { findNatsServer, NATS_SOURCE, NatsServers } from '../../testkit/nats-server.ts';
import { until } from '../../testkit/until.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** The least that a bucket keeps values for, ms. */
const TTL_MS = 1000;

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(`values by key${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('are written by whoever knows their revision, seen by others, and end', async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const servers = await NatsServers.start(command);
    onTestFinished(() => servers.stop());
    const config = defaultConfig();
    const cluster = { ...config.cluster, servers: servers.addresses, replicas: 1 };
    const connectBus = async () => {
      const bus = await connectToNats({ ...config, cluster }, QUIET);
      onTestFinished(() => bus.close());
      return bus;
    };
    const [bus, other] = [await connectBus(), await connectBus()];
    const keys = await bus.openKeys('test_ledger', 0);
    const others = await other.openKeys('test_ledger', 0);
    const value = (text: string) => Buffer.from(text);
    const seen = async () => {
      const found = await others.get('k-1_A');
      return found && [String(Buffer.from(found.value)), found.revision];
    };

    const first = await keys.update('k-1_A', value('a'), 0);
    expect(await seen()).toEqual(['a', first]);
    await expect(others.update('k-1_A', value('b'), 0)).rejects.toThrow('(10071)');
    const second = await others.update('k-1_A', value('c'), first);
    await expect(keys.update('k-1_A', value('d'), first)).rejects.toThrow('(10071)');
    // Revisions are of the whole bucket, expectations of a key.
    await keys.put('k-2', value('x'));
    const third = await keys.update('k-1_A', value('e'), second);
    expect(third).toBeGreaterThan(second + 1);
    expect(await seen()).toEqual(['e', third]);
    const fourth = await keys.put('k-1_A', value('f'));
    expect(await seen()).toEqual(['f', fourth]);
    expect([...(await others.list()).keys()].sort()).toEqual(['k-1_A', 'k-2']);
    await others.delete('k-1_A');
    expect(await seen()).toBeUndefined();
    await expect(keys.update('k-1_A', value('g'), 0)).rejects.toThrow('(10071)');
    expect([...(await keys.list()).keys()]).toEqual(['k-2']);

    const leases = await bus.openKeys('test_members', TTL_MS);
    await leases.put('m', value('here'));
    expect(String(Buffer.from((await leases.get('m'))?.value ?? []))).toBe('here');
    await until(async () => (await leases.get('m')) === undefined);
  });
});
