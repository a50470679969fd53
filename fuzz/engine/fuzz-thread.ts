import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../testkit/random.ts';
import { TARGETS } from '../targets/targets.ts';
import { Campaign, type Progress } from './campaign.ts';
import { SharedInput } from './shared-input.ts';

/** What the thread is told. */
export interface FuzzThreadData {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly executionsMax: number;
  readonly memory: SharedArrayBuffer;
}

/** What it tells. */
export type FuzzThreadMessage =
  | { readonly kind: 'finding'; readonly input: Uint8Array; readonly fault: string }
  | { readonly kind: 'done'; readonly progress: Progress };

function run({ target: name, seed, seconds, executionsMax, memory }: FuzzThreadData): void {
  const target = TARGETS[name]?.();
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const current = new SharedInput(0, memory);
  const tell = (message: FuzzThreadMessage) => parentPort?.postMessage(message);
  const campaign = new Campaign(target, new Random(seed), {
    begin: (input) => current.begin(input),
    end: () => current.end(),
    finding: (input, fault) => tell({ kind: 'finding', input, fault }),
  });
  const end = performance.now() + seconds * 1000;
  campaign.run((executions) => executions >= executionsMax || performance.now() >= end);
  target.close?.();
  tell({ kind: 'done', progress: campaign.progress });
}

run(workerData as FuzzThreadData);
