import { WebSocket } from 'ws';

/** The socket of the generator's clients: without compression, which would measure zlib. */
export class LoadSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
}
