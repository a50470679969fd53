/** The door of HTTP. */
export { Assets } from './assets.ts';
export { createRouter } from './router.ts';
