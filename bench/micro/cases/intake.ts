import { ANONYMOUS } from '../../../src/access/index.ts';
import { monotonicUs } from '../../../src/engine/index.ts';
import { AliasTable } from '../../../src/gateway/ingest/alias-table.ts';
import { PublishScope } from '../../../src/gateway/ingest/publish-scope.ts';
import { TickIntake } from '../../../src/gateway/ingest/tick-intake.ts';
import { SymbolQuota } from '../../../src/gateway/limits/symbol-quota.ts';
import { Client } from '../../../src/gateway/sessions/client.ts';
import { UNWATCHED } from '../../../src/gateway/sessions/security-events.ts';
import { TickBatch, TicksReader } from '../../../src/protocol/index.ts';
import type { Case, CaseMaker } from '../case.ts';
import { EngineRig } from '../engine-rig.ts';
import { type Naming, tickFrames } from '../tick-stream.ts';

const SYMBOLS = 10_000;
const TICKS = 256;
const LIMITS = { maxFutureMs: 60_000, maxPastMs: 0 };

export const intakeCases: readonly CaseMaker[] = (['alias', 'name'] as const).map((naming) => ({
  name: `intake: take a tick by its ${naming}`,
  // A little a frame, visible in short runs.
  allocatesNothing: false,
  make: () => makeIntake(naming),
}));

/** From a decoded TICKS frame to the engine's queue. */
async function makeIntake(naming: Naming): Promise<Case> {
  const rig = await EngineRig.start(SYMBOLS);
  const intake = new TickIntake(rig.engine, LIMITS, { symbolAppeared: () => undefined });
  const limits = {
    maxSymbols: SYMBOLS,
    newSymbolsPerPublisher: SYMBOLS,
    symbolsPerTenant: SYMBOLS,
  };
  const quota = new SymbolQuota(limits, rig.engine.symbols);
  const client = new Client(ANONYMOUS, '127.0.0.1');
  const scope = new PublishScope(client, quota, UNWATCHED);
  const aliases = new AliasTable();
  for (const [alias, symbol] of rig.symbols.entries()) aliases.declare(alias, symbol);
  const batch = new TickBatch();
  const [frame] = tickFrames(TICKS, TICKS, rig.symbols, naming) as [Uint8Array];
  new TicksReader(TICKS).read(frame, batch, 0);
  const now = Date.now();
  let runs = 0;
  const prepare = () => rig.settle();
  const run = () => {
    runs++;
    intake.take(batch, aliases, now, monotonicUs(), scope, 0);
  };
  const finish = async () => {
    rig.settle();
    const { applied } = rig;
    await rig.stop();
    if (intake.totals.accepted !== runs * TICKS || applied !== runs * TICKS) {
      throw new Error(
        `${intake.totals.accepted} ticks accepted, ${applied} applied in ${runs} runs`,
      );
    }
  };
  return { operations: TICKS, prepare, run, finish };
}
