import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { serverProcessForTest } from '../support/running-server.ts';

/** Native modules mapped by a process. */
function nativeModules(pid: number | undefined): readonly string[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  return [...new Set([...maps.matchAll(/ (\/\S+\.node)$/gm)].map(([, file]) => file as string))];
}

async function modulesOf(...flags: string[]): Promise<readonly string[]> {
  const server = await serverProcessForTest(flags);
  return nativeModules(server.child.pid);
}

// Native code according to the supply document.
describe.skipIf(process.platform !== 'linux')('native modules (told by Linux alone)', () => {
  it('has no uWebSockets.js where plain Node serves the sockets', async () => {
    const modules = await modulesOf('--server.transport=node');
    expect(modules.filter((file) => file.includes('uws_'))).toEqual([]);
    const packages = /\/(@?lmdb|@?msgpackr-extract|bufferutil|utf-8-validate)\//;
    expect(modules.filter((file) => !packages.test(file))).toEqual([]);
    expect(modules.some((file) => file.includes('/@lmdb/'))).toBe(true);
  });

  it.skipIf(!loadUws().loaded && !process.env.CI)('has one where that serves them', async () => {
    const modules = await modulesOf('--server.transport=uws');
    expect(modules.filter((file) => file.includes('uws_'))).toHaveLength(1);
  });
});
