import { readFile } from 'node:fs/promises';
import { KeyFileError } from './key-file-error.ts';

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return code === 'ENOENT' ? 'no such file' : code;
}

/**
 * Reads a file of keys and makes of its text what it stands for.
 *
 * @param key the key of the configuration that names it, with which faults begin
 * @throws KeyFileError when it cannot be read, or `parse` throws one
 */
export async function readKeyFile<Content>(
  key: string,
  path: string,
  parse: (text: string) => Content,
): Promise<Content> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8' });
  } catch (error) {
    throw new KeyFileError(`${key}: cannot read ${path}: ${reasonOf(error)}`);
  }
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof KeyFileError) throw new KeyFileError(`${key}: ${path}: ${error.message}`);
    throw error;
  }
}
