import { it } from 'vitest';
import { seededMarket } from '../../testkit/ticks.ts';
import { runMarket } from '../support/market-run.ts';
import { onTransports } from '../support/running-server.ts';

onTransports((transport) => {
  it.each([1, 2])('a made-up market comes out as its definition says (seed %i)', async (seed) => {
    const symbols = Array.from({ length: 60 }, (_, i) => `MARKET:S${i}`);
    await runMarket(seededMarket({ seed, symbols, ticks: 12_000 }), transport);
  });
});
