import type { Socket } from '../../src/gateway/transport/transport.ts';

/** A peer in memory that takes what it is sent, and counts it. */
export class CountingSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  messages = 0;
  bytes = 0;
  /** Whether it has room; without, it takes what comes all the same but looks full. */
  isOpenForMore = true;

  send(message: Uint8Array | string): void {
    this.messages++;
    this.bytes += message.length;
  }

  bufferedAmount(): number {
    return this.isOpenForMore ? 0 : Number.MAX_SAFE_INTEGER;
  }

  cork(work: () => void): void {
    work();
  }

  ping(): void {}

  end(code: number, reason: string): void {
    throw new Error(`a session was closed with ${code}: ${reason}`);
  }
}
