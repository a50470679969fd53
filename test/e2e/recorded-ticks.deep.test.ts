import { expect, it } from 'vitest';
import { recordedTicks, TICKS_VARIABLE } from '../../testkit/ticks.ts';
import { runMarket } from '../support/market-run.ts';
import { onTransports } from '../support/running-server.ts';

const ticks = recordedTicks();
const isMissing = ticks === undefined;
const title = 'recorded ticks of real markets come out as their definition says';

if (isMissing) {
  process.stderr.write(
    `\n*** NOT TESTED: "${title}". ${TICKS_VARIABLE} names no file of recorded ticks. ***\n\n`,
  );
}

onTransports((transport) => {
  // In CI, missing ticks fail.
  it.skipIf(isMissing && !process.env.CI)(
    isMissing ? `${title} (skipped: ${TICKS_VARIABLE} is not set)` : title,
    async () => {
      if (ticks === undefined) throw new Error(`${TICKS_VARIABLE} must be set in CI`);
      expect(ticks.length).toBeGreaterThan(0);
      await runMarket(ticks, transport);
    },
  );
});
