/**
 * Components with one part replaced. A proxy, since parts are put in place after the services were
 * built.
 */
export function withPart<T extends object, K extends keyof T>(
  components: T,
  key: K,
  part: T[K],
): T {
  return new Proxy(components, {
    get: (target, property) => (property === key ? part : Reflect.get(target, property)),
  });
}
