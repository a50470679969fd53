import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { LOCK_FILE } from './claim.ts';

/** Longest wait for the kernel's answer, ms. */
const PROBE_MS = 2000;

/**
 * A socket in the directory that lives as long as the owner's process. The kernel closes it when
 * the process ends, in whatever container, and keeps it open while the process stands still: a
 * server of the same kernel learns at once which is the case.
 */
export class OwnerSocket {
  readonly #server: Server;
  readonly #directory: number;

  private constructor(server: Server, directory: number) {
    this.#server = server;
    this.#directory = directory;
  }

  /** @returns undefined where the system or the file system has no such sockets */
  static async listen(directory: string, id: string): Promise<OwnerSocket | undefined> {
    if (process.platform !== 'linux') return undefined;
    const descriptor = openSync(directory, 'r');
    const server = createServer((socket) => socket.destroy());
    try {
      server.listen(shortPath(descriptor, id));
      await once(server, 'listening');
      // Accepting may fail later, for example without descriptors: the socket answers all the same.
      server.on('error', () => {});
      server.unref();
      return new OwnerSocket(server, descriptor);
    } catch {
      server.close();
      closeSync(descriptor);
      return undefined;
    }
  }

  close(): void {
    // Removes the socket's file.
    this.#server.close();
    closeSync(this.#directory);
  }
}

/** Whether an owner under this kernel runs; undefined if the kernel does not say. */
export async function probeOwner(directory: string, id: string): Promise<boolean | undefined> {
  const descriptor = openSync(directory, 'r');
  const socket = connect(shortPath(descriptor, id));
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_MS) });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // With a full backlog somebody holds the socket, too.
    if (code === 'EAGAIN') return true;
    return code === 'ECONNREFUSED' ? false : undefined;
  } finally {
    socket.destroy();
    closeSync(descriptor);
  }
}

/** Removes the socket of an owner that is dead or was succeeded. */
export function removeSocket(directory: string, id: string): void {
  rmSync(join(directory, nameOf(id)), { force: true });
}

function nameOf(id: string): string {
  return `${LOCK_FILE}.${id}.sock`;
}

/** A socket's path has 107 characters at most: this one does not depend on the directory's. */
function shortPath(directory: number, id: string): string {
  return `/proc/self/fd/${directory}/${nameOf(id)}`;
}
