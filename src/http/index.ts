/** The door of HTTP. */
export { Assets } from './assets/assets.ts';
export { createRouter } from './router.ts';
