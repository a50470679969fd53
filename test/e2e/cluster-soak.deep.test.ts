import { describe, expect, it } from 'vitest';
import { runClusterSoak } from '../../loadgen/soak/cluster-soak.ts';
import { parseSoakFlags } from '../../loadgen/soak/soak-options.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(
  `the soak of a cluster${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`,
  () => {
    it('has everything at both edges after a fault', { timeout: 300_000 }, async () => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      const first = new AbortController();
      const report = await runClusterSoak({
        command,
        minutes: 5,
        // Its first fault is an owner that is killed.
        seed: 11,
        rate: 400,
        signal: first.signal,
        progress: () => first.abort(),
      });
      expect(report.faults).toEqual({ 'owner killed': 1 });
      expect(report.symbols).toBe(200);
      expect(report.ticks).toBeGreaterThan(1000);
      expect(report.mirrors).toBe(7);
      expect(report.violations).toEqual([]);
    });
  },
);

it('takes no flags that a drill has no use for', () => {
  expect(() => parseSoakFlags(['--drill', 'cluster', '--faults', 'disk'])).toThrow(/--faults/);
  expect(parseSoakFlags(['--drill', 'cluster'])).toMatchObject({ drill: 'cluster', rate: 2000 });
});
