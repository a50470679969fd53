/**
 * A file of keys that cannot be used. The message names the key of the configuration, what was
 * expected and what came; nothing of a key is part of it.
 */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}
