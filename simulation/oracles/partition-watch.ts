import { Partition } from '../../src/engine/partition.ts';
import type { EngineOracle } from './engine-oracle.ts';

type Method<Name extends 'apply' | 'repair'> = (
  this: Partition,
  ...args: Parameters<Partition[Name]>
) => void;

const apply = Reflect.get(Partition.prototype, 'apply') as Method<'apply'>;
const repair = Reflect.get(Partition.prototype, 'repair') as Method<'repair'>;

/** Who is told, in the run that is under way. */
let watcher: EngineOracle | undefined;

/** The same functions in every run: the compiler knows whom it calls. */
const watchedApply: Method<'apply'> = function (ticks, index) {
  watcher?.began(ticks, index);
  apply.call(this, ticks, index);
  watcher?.ended(ticks.symbolIds[index] as number);
};

const watchedRepair: Method<'repair'> = function (symbolId, sequence) {
  repair.call(this, symbolId, sequence);
  watcher?.repaired(symbolId);
};

/** Has every partition of the process tell of the ticks it applies. Returns how to have it no more. */
export function watchPartitions(oracle: EngineOracle): () => void {
  watcher = oracle;
  Object.assign(Partition.prototype, { apply: watchedApply, repair: watchedRepair });
  return () => {
    watcher = undefined;
    Object.assign(Partition.prototype, { apply, repair });
  };
}
