// Loaded before a program (`node --import`): changes the text of one module that it loads. `PLANT`
// is JSON with the end of the module's path, the text to `find` once in it, and what to `replace`
// it with.
import { register } from 'node:module';

register('./plant-hooks.mjs', import.meta.url, { data: JSON.parse(process.env.PLANT) });
