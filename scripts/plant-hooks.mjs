/** @type {{ module: string, find: string, replace: string }} */
let plant;

export function initialize(data) {
  plant = data;
}

/** @type {import('node:module').LoadHook} */
export const load = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith(plant.module)) return loaded;
  const parts = String(loaded.source).split(plant.find);
  if (parts.length !== 2) {
    throw new Error(`${plant.module} has ${parts.length - 1} times: ${plant.find}`);
  }
  return { ...loaded, source: parts.join(plant.replace) };
};
