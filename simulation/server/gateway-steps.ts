import { GatewayStepper } from '../../src/engine/gateway-stepper.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { Thread } from '../core/scheduler.ts';
import type { World } from '../world.ts';
import { withViews } from './watched-views.ts';

const ACCESSES_BETWEEN_INTERRUPTIONS = 400;
/** In one step: time passes meanwhile, and the gateway has to look at sockets. */
const INTERRUPTIONS_MAX = 2;
/** A tick throws once in so many accesses to a partition's memory, on average. */
const ACCESSES_TO_FAILURE = 20_000;

/** What a tick throws on the gateway's thread. */
class Fault extends Error {}

const step: (this: GatewayStepper) => boolean = Reflect.get(GatewayStepper.prototype, 'step');

/**
 * Has the gateway interrupted now and then while it steps a partition itself, and ticks throw
 * there, at any access to the partition's memory. Returns how to stop that.
 */
export function watchGatewaySteps(world: World): () => void {
  const interruptions = new Interruptions(world);
  const onAccess = world.scenario.areStepsWatched ? interruptions.onAccess : undefined;
  const stepBriefly: (this: PartitionWorker) => boolean = Reflect.get(
    PartitionWorker.prototype,
    'stepBriefly',
  );
  PartitionWorker.prototype.stepBriefly = function (this: PartitionWorker) {
    world.gatewayBatches++;
    return stepBriefly.call(this);
  };
  GatewayStepper.prototype.step = function (this: GatewayStepper) {
    interruptions.left = INTERRUPTIONS_MAX;
    return withViews(onAccess, () => step.call(this));
  };
  return () => {
    PartitionWorker.prototype.stepBriefly = stepBriefly;
    GatewayStepper.prototype.step = step;
  };
}

class Interruptions {
  /** Of the step that is under way. */
  left = 0;
  readonly #world: World;
  #accesses = 0;

  constructor(world: World) {
    this.#world = world;
  }

  readonly onAccess = (): void => {
    const { isCalm, oracle, scheduler } = this.#world;
    const { random } = scheduler;
    if (scheduler.thread !== Thread.MAIN || oracle.engine.isQuiet) return;
    if (!isCalm && random.below(ACCESSES_TO_FAILURE) === 0) {
      this.#world.gatewayFailures++;
      throw new Fault('a tick throws');
    }
    if (this.left === 0 || this.#accesses-- > 0) return;
    this.left--;
    this.#accesses = random.below(ACCESSES_BETWEEN_INTERRUPTIONS);
    scheduler.interleave(1 + random.below(2));
  };
}
