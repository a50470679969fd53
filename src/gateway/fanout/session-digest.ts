import { ALL_FIELDS, Digest, VALUES } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';
import { NO_VERSION } from './symbol-versions.ts';

/**
 * The digest of what a session holds: the versions that it was sent of the symbols whose statistics
 * it gets whole, in the order of their wire ids.
 */
export function sessionDigest(
  subscriptions: SessionSubscriptions,
  { engine, versions }: Pick<GatewayContext, 'engine' | 'versions'>,
): { readonly value: number; readonly symbolCount: number } {
  const { columns } = subscriptions;
  const wireIdOf = (subscription: number) =>
    engine.symbols.wireId(columns.symbolIds[subscription] as number);
  const ordered = subscriptions.bySymbolId().sort((a, b) => wireIdOf(a) - wireIdOf(b));
  const digest = new Digest();
  let symbolCount = 0;
  for (const subscription of ordered) {
    const version = columns.versions[subscription] as number;
    const isPartial = columns.fields[subscription] !== ALL_FIELDS;
    if (isPartial || version === NO_VERSION) continue;
    const [price, average, count, time, min, max] = versions.values.subarray(
      version * VALUES,
      (version + 1) * VALUES,
    ) as unknown as [number, number, number, number, number, number];
    digest.add(wireIdOf(subscription), { price, average, count, time, min, max });
    symbolCount++;
  }
  return { value: digest.value, symbolCount };
}
