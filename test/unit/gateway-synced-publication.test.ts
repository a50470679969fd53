import { expect, it } from 'vitest';
import { SyncedPublication } from '../../src/gateway/fanout/synced-publication.ts';

type Parts = ConstructorParameters<typeof SyncedPublication>;

/** Engine and journal in one: records the calls; `offered` ticks wait to be marked. */
class Rig {
  readonly calls: string[] = [];
  offered = 0;
  position = 0;
  syncedPosition = 0;
  readonly publication: SyncedPublication;

  constructor() {
    this.publication = new SyncedPublication(
      this as unknown as Parts[0],
      this as unknown as Parts[1],
    );
  }

  get isUnmarked(): boolean {
    return this.offered > 0;
  }

  mark(): void {
    this.calls.push(`mark ${this.offered}`);
    this.offered = 0;
  }

  publishMarked(): void {
    this.calls.push('publish');
  }

  wantSynced(position: number): void {
    this.calls.push(`want ${position}`);
  }

  offer(ticks: number): void {
    this.offered += ticks;
    this.position += 100;
    this.publication.request();
  }
}

it('publishes ticks once they are on disk, and marks those that came meanwhile', () => {
  const rig = new Rig();
  rig.offer(3);
  expect(rig.calls).toEqual(['mark 3', 'want 100']);
  // They wait for the earlier ones: these may be on disk long before.
  rig.offer(2);
  expect(rig.publication.tryPublish()).toBe(false);
  expect(rig.publication.isWaiting).toBe(true);
  rig.calls.length = 0;
  rig.syncedPosition = 100;
  expect(rig.publication.tryPublish()).toBe(true);
  expect(rig.calls).toEqual(['publish', 'mark 2', 'want 200']);
  rig.calls.length = 0;
  rig.syncedPosition = 500;
  rig.publication.tryPublish();
  expect(rig.calls).toEqual(['publish']);
  expect(rig.publication.isWaiting).toBe(false);
  // What is on disk already is published at once.
  rig.offer(1);
  expect(rig.calls).toEqual(['publish', 'mark 1', 'publish']);
});
