/** The HTTP API. The only entry to this folder. */
export { Assets } from './assets.ts';
export { createRouter } from './router.ts';
