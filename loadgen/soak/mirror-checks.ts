import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscriber } from '../../client-sdk/src/index.ts';
import type { Crowd } from './crowd.ts';

const TIMEOUT_MS = 60_000;

/** Has every subscriber that stayed compare digests with the server, and look at the numbering of its anomalies. */
export async function checkMirrors(
  crowd: Crowd,
  violate: (message: string) => void,
): Promise<number> {
  const checks = [...crowd.lasting].map(([name, subscriber]) => checkMirror(name, subscriber));
  for (const fault of await Promise.all(checks)) if (fault !== undefined) violate(fault);
  for (const { breaks } of crowd.watches) {
    for (const text of breaks) violate(`a subscriber's anomalies: ${text}`);
  }
  return checks.length;
}

async function checkMirror(name: string, subscriber: Subscriber): Promise<string | undefined> {
  const timeout = sleep(TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`no answer in ${TIMEOUT_MS} ms`);
  });
  try {
    await Promise.race([subscriber.ready, timeout]);
    const { equal, symbolCount, ownSymbolCount } = await Promise.race([
      subscriber.verify(),
      timeout,
    ]);
    if (equal) return undefined;
    return `subscriber '${name}' holds ${ownSymbolCount} symbols, not as the ${symbolCount} of the server`;
  } catch (error) {
    return `subscriber '${name}': ${(error as Error).message}`;
  }
}
