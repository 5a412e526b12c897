/**
 * An object with some of its parts replaced, the rest as it is at the time of each use: libp2p puts
 * its components in place one after the other.
 */
export function replaced<T extends object>(inner: T, parts: Partial<T>): T {
  return new Proxy(inner, {
    get: (target, property) => {
      if (Object.hasOwn(parts, property)) return Reflect.get(parts, property);
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
