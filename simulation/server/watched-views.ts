type SharedView = Int32Array | Float64Array;

/** Called before each access of a thread to shared memory through its own views. */
export type OnAccess = () => void;

const REAL = { Int32Array: globalThis.Int32Array, Float64Array: globalThis.Float64Array };
const RAW = Symbol('the view behind a watched one');
const WATCH = Symbol('called before accesses');

interface Watched {
  readonly [RAW]?: SharedView;
  readonly [WATCH]?: OnAccess;
}

function isIndex(key: string | symbol): key is string {
  return typeof key === 'string' && key.charCodeAt(0) <= 57;
}

function handlerOf(onAccess: OnAccess): ProxyHandler<SharedView> {
  return {
    get(view, key) {
      if (isIndex(key)) {
        onAccess();
        return view[Number(key)];
      }
      if (key === RAW) return view;
      if (key === WATCH) return onAccess;
      const value: unknown = Reflect.get(view, key, view);
      return typeof value === 'function' ? value.bind(view) : value;
    },
    set(view, key, value: number) {
      onAccess();
      view[Number(key)] = value;
      return true;
    },
  };
}

function watched<View extends Int32ArrayConstructor | Float64ArrayConstructor>(
  real: View,
  onAccess: OnAccess,
): View {
  const handler = handlerOf(onAccess);
  return new Proxy(real, {
    construct(target, args) {
      const view: SharedView = Reflect.construct(target, args);
      return args[0] instanceof SharedArrayBuffer ? new Proxy(view, handler) : view;
    },
  });
}

/**
 * Has the views that `work` makes on shared memory tell of each access; with none to tell, just
 * does it. Views on memory of the thread's own stay as they are.
 */
export function withViews<Result>(onAccess: OnAccess | undefined, work: () => Result): Result {
  if (onAccess === undefined) return work();
  globalThis.Int32Array = watched(REAL.Int32Array, onAccess);
  globalThis.Float64Array = watched(REAL.Float64Array, onAccess);
  try {
    return work();
  } finally {
    Object.assign(globalThis, REAL);
  }
}

/** The raw view behind a watched one, after the watcher was called. */
export function rawView(view: Int32Array): Int32Array {
  const raw = (view as Watched)[RAW] as Int32Array | undefined;
  if (raw === undefined) return view;
  (view as Watched)[WATCH]?.();
  return raw;
}
