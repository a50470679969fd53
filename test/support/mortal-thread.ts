/** What ends the work of a thread that dies; nothing it still does has an effect. */
class Death extends Error {}

type SharedView = Int32Array | Float64Array;

const REAL = {
  Int32Array: globalThis.Int32Array,
  Float64Array: globalThis.Float64Array,
  Atomics: globalThis.Atomics,
};

/** Stores into shared memory that are left before the thread dies. */
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

/** A class of typed arrays whose instances on shared memory count stores; others are the thread's own. */
function mortal<View extends Int32ArrayConstructor | Float64ArrayConstructor>(real: View): View {
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

/** Atomics on such arrays: all but a load count as a store, waking others too. */
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
 * Does `work` as a thread would that is killed before its store number `stores` into shared memory, counted from 0: what
 * it stored until then is there, the rest never happens, and no `finally` changes anything. Stores are all that others
 * see of a thread, so trying each number tries every moment at which it may die.
 *
 * @returns whether it died; false when the work was done before
 */
export function dies(stores: number, work: () => void): boolean {
  storesLeft = stores;
  globalThis.Int32Array = mortal(REAL.Int32Array);
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
