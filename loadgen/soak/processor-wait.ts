import { readFile } from 'node:fs/promises';

const NS_PER_MS = 1e6;

/** How long the main thread of a process was ready and waited for a processor, ms; 0 where the system does not tell. */
export async function readProcessorWait(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '');
  return Number(text.split(' ')[1] ?? 0) / NS_PER_MS;
}
