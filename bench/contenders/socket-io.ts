import { socketIoWire } from '../wires/socket-io.ts';
import type { Contender } from './contender.ts';
import { startOwnServer } from './own-server.ts';
import { versionsOf } from './package-version.ts';

const PACKAGE = 'socket.io';

/** The most used framework on top of WebSocket, with the `ws` it comes with: bench/servers/socket-io.ts. */
export const socketIo: Contender = {
  name: 'socket.io',
  description: 'passes ready bytes on by room, an attachment each; nothing is computed',
  wire: socketIoWire,
  kinds: new Set(['fan-out']),
  unavailable: async () => {
    // The version follows the name of a package that is there.
    const isInstalled = versionsOf(PACKAGE).startsWith(`${PACKAGE} `);
    return isInstalled ? undefined : `${PACKAGE} is not installed (npm install)`;
  },
  version: async () => versionsOf(PACKAGE),
  start: () => startOwnServer('socket-io'),
};
