import { KnownPublisher, type KnownPublisherOptions } from './known-publisher.ts';
import { KnownTicks, type KnownTicksOptions } from './known-ticks.ts';

/*
 * The entry of a process that is one publisher, which its parent may kill at any moment. It begins
 * to send when the parent, who knows what the server has, says with which frame.
 */

/** What a publisher is; plain values, so that it can cross processes. */
export type PublisherPlan = Omit<KnownPublisherOptions, 'ticks'> & {
  readonly ticks: KnownTicksOptions;
};

export type PublisherRequest =
  | { readonly call: 'connect'; readonly plan: PublisherPlan }
  | { readonly call: 'start'; readonly from: number }
  | { readonly call: 'stop' };

export type PublisherReport =
  | {
      readonly kind: 'live';
      readonly sequence: number;
      readonly epoch: string;
      readonly resent: number;
    }
  | { readonly kind: 'lost' }
  | { readonly kind: 'acknowledged'; readonly sequence: number }
  | { readonly kind: 'refused'; readonly indexes: readonly number[] }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'stopped'; readonly position: number };

/** Acknowledgements are gathered for so long, ms. */
const REPORT_MS = 20;

let publisher: KnownPublisher | undefined;
let acknowledged: number | undefined;
let refused: number[] = [];

function report(message: PublisherReport): void {
  process.send?.(message);
}

/** Tells how far the server is; before anything that comes after it. */
function reportAcknowledged(): void {
  if (refused.length > 0) report({ kind: 'refused', indexes: refused });
  refused = [];
  if (acknowledged === undefined) return;
  report({ kind: 'acknowledged', sequence: acknowledged });
  acknowledged = undefined;
}

function connect(plan: PublisherPlan): KnownPublisher {
  setInterval(reportAcknowledged, REPORT_MS);
  return new KnownPublisher(
    { ...plan, ticks: new KnownTicks(plan.ticks) },
    {
      live: (sequence, epoch, resent) => {
        reportAcknowledged();
        report({ kind: 'live', sequence, epoch, resent });
      },
      lost: () => report({ kind: 'lost' }),
      acknowledged: (sequence) => {
        acknowledged = sequence;
      },
      refused: (index) => refused.push(index),
      fault: (message) => report({ kind: 'fault', message }),
    },
  );
}

async function stop(): Promise<void> {
  try {
    await publisher?.stop();
  } catch (error) {
    report({ kind: 'fault', message: (error as Error).message });
  }
  reportAcknowledged();
  report({ kind: 'stopped', position: publisher?.position ?? 0 });
}

process.on('message', (request: PublisherRequest) => {
  if (request.call === 'connect') publisher = connect(request.plan);
  else if (request.call === 'start') publisher?.start(request.from);
  else void stop();
});
// Without its parent nobody knows what it sends. An interrupt from the terminal is for the parent
// to decide on.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
