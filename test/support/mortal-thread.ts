/** Ends a dying thread's work; nothing it still does has an effect. */
class Death extends Error {}

type SharedView = Int32Array | Uint32Array | Float64Array;

const REAL = {
  Int32Array: globalThis.Int32Array,
  Uint32Array: globalThis.Uint32Array,
  Float64Array: globalThis.Float64Array,
  Atomics: globalThis.Atomics,
};

/** Stores into shared memory until the thread dies. */
let storesLeft = 0;
const viewOf = new WeakMap<object, SharedView>();

function beforeStore(): void {
  if (storesLeft <= 0) throw new Death();
  storesLeft--;
}

const HANDLER: ProxyHandler<SharedView> = {
  get(view, key) {
    const value: unknown = Reflect.get(view, key, view);
    return typeof value === 'function' ? value.bind(view) : value;
  },
  set(view, key, value) {
    beforeStore();
    return Reflect.set(view, key, value, view);
  },
};

/** A typed array class that counts stores into shared memory, but not into private memory. */
function mortal<
  View extends Int32ArrayConstructor | Uint32ArrayConstructor | Float64ArrayConstructor,
>(real: View): View {
  return new Proxy(real, {
    construct(target, args) {
      const view: SharedView = Reflect.construct(target, args);
      if (!(args[0] instanceof SharedArrayBuffer)) return view;
      const proxy = new Proxy(view, HANDLER);
      viewOf.set(proxy, view);
      return proxy;
    },
  });
}

/** Atomics on such arrays: all but loads count as stores, notify too. */
const MORTAL_ATOMICS = new Proxy(REAL.Atomics, {
  get(atomics, key) {
    const operation = Reflect.get(atomics, key) as (...args: unknown[]) => unknown;
    return (view: object, ...args: unknown[]) => {
      if (key !== 'load') beforeStore();
      return operation(viewOf.get(view) ?? view, ...args);
    };
  },
});

/**
 * Runs `work` as a thread killed before its store number `stores` (from 0) into shared memory:
 * earlier stores persist, the rest never happens, and no `finally` has an effect. Others see a
 * thread by its stores only, so trying each number covers every moment of death.
 *
 * @returns whether it died; false when the work finished first
 */
export function dies(stores: number, work: () => void): boolean {
  storesLeft = stores;
  globalThis.Int32Array = mortal(REAL.Int32Array);
  globalThis.Uint32Array = mortal(REAL.Uint32Array);
  globalThis.Float64Array = mortal(REAL.Float64Array);
  globalThis.Atomics = MORTAL_ATOMICS;
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  } finally {
    Object.assign(globalThis, REAL);
  }
}
