import type { Connection } from '@libp2p/interface';
import type { ConnectionManager } from '@libp2p/interface-internal';
import { replaced } from './replaced.ts';

/** Whether a connection goes from host to host, not through a relay. */
export function isDirect({ remoteAddr }: Pick<Connection, 'remoteAddr'>): boolean {
  return !remoteAddr.toString().includes('/p2p-circuit');
}

/** Components that do not see relayed connections: a relay is not reached through another one. */
export function directOnly<T extends { readonly connectionManager: ConnectionManager }>(
  components: T,
): T {
  const { connectionManager: inner } = components;
  const connectionManager = replaced(inner, {
    getConnections: (peer) => inner.getConnections(peer).filter(isDirect),
  });
  return replaced<{ readonly connectionManager: ConnectionManager }>(components, {
    connectionManager,
  }) as T;
}
