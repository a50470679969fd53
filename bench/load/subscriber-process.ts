import { CONTENDERS } from '../contenders/contenders.ts';
import { SubscriberPool } from './subscriber-pool.ts';
import type { PoolReply, PoolRequest } from './subscribers.ts';

/**
 * Child process that holds subscribers. The parent makes one call at a time; each gets one reply.
 */

let pool: SubscriberPool | undefined;

async function handle(request: PoolRequest): Promise<PoolReply> {
  if (request.call === 'start') {
    pool = new SubscriberPool(CONTENDERS[request.contender].wire, request.options);
    await pool.start();
    return { call: 'done' };
  }
  if (pool === undefined) throw new Error('not started');
  switch (request.call) {
    case 'snapshot':
      return { call: 'snapshot', totals: pool.totals() };
    case 'reset':
      pool.resetLatency();
      return { call: 'done' };
    case 'latency':
      return { call: 'latency', encoded: pool.latency() };
    case 'stop':
      pool.stop();
      return { call: 'done' };
  }
}

function reply(message: PoolReply): void {
  process.send?.(message);
}

process.on('message', (request: PoolRequest) => {
  handle(request).then(reply, (error: unknown) => {
    reply({ call: 'failed', message: (error as Error).message });
  });
});

// Exits with its parent. A terminal's interrupt reaches both; the parent decides.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
