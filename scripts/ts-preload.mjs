// Loads a TypeScript module of a test before a program: `node --import ts-preload.mjs?module=URL`,
// also in its workers, which do not inherit the loader on Node 20.
import { register } from 'tsx/esm/api';

register();
await import(new URL(import.meta.url).searchParams.get('module'));
