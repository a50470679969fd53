import { connect, type Socket } from 'node:net';
import { encodeWebSocketFrame, Opcode, upgradeRequest } from '../../testkit/web-socket.ts';

/** Interval between single-byte reads, ms. */
const EVERY_MS = 1000;
const HEADER_END = '\r\n\r\n';

/** A subscriber that reads one byte a second after the upgrade and answers nothing. */
export class TrickleReader {
  readonly tcp: Socket;
  bytesRead = 0;
  readonly #timer: NodeJS.Timeout;
  #header = '';

  private constructor(port: number, onUpgraded: () => void) {
    // Node would otherwise read 64 KiB at a time.
    const buffer = Buffer.alloc(1);
    const callback = (): boolean => {
      this.bytesRead++;
      if (this.#header.endsWith(HEADER_END)) return false;
      this.#header += buffer.toString('latin1');
      if (this.#header.endsWith(HEADER_END)) onUpgraded();
      return true;
    };
    this.tcp = connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
    this.#timer = setInterval(() => this.tcp.resume(), EVERY_MS);
    this.tcp.on('error', () => undefined);
  }

  /** Subscribes to everything in JSON, which fills buffers sooner. */
  static async subscribe(port: number): Promise<TrickleReader> {
    let reader: TrickleReader | undefined;
    await new Promise<void>((resolve) => {
      reader = new TrickleReader(port, resolve);
      const protocol = { 'sec-websocket-protocol': 'tickwire.v1.json' };
      reader.tcp.write(upgradeRequest('/v1/stream', protocol));
    });
    if (reader === undefined) throw new Error('no reader was made');
    const payload = Buffer.from('[4,1,["*"]]');
    reader.tcp.write(encodeWebSocketFrame({ opcode: Opcode.TEXT, payload, mask: 0 }));
    return reader;
  }

  end(): void {
    clearInterval(this.#timer);
    this.tcp.destroy();
  }
}
