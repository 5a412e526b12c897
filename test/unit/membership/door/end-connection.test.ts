import type { Connection } from '@libp2p/interface';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { endConnection } from '../../../../protocols/membership/door/end-connection.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { admit, connect, startMember, stopAll } from './mesh-nodes.ts';

afterEach(stopAll);

/** What a connection of libp2p holds below its muxer. */
type Inside = Connection & { readonly muxer: { maConn: { close(): Promise<void> } } };

describe('endConnection', () => {
  it('ends a connection whose encrypted stream has closed just before', async () => {
    const [a, b] = [await startMember(), await startMember()];
    admit(a, b);
    await connect(b, a);
    const [connection] = b.net.node.getConnections() as Inside[];
    // Half closed: nothing can be written, and the muxer above has not heard of it yet.
    Object.assign(connection!.muxer.maConn, { writeStatus: 'closed' });
    const logger = recordLogger();
    endConnection(connection!, new Error('enough'), logger);
    expect(logger.lines.map(({ message }) => message)).toEqual(['a connection was closed already']);
    await vi.waitFor(() => expect(a.net.isConnected(b.peer)).toBe(false), { timeout: 30_000 });
    await vi.waitFor(() => expect(b.net.isConnected(a.peer)).toBe(false), { timeout: 30_000 });
  });

  it('throws nothing when neither way of closing works', async () => {
    const logger = recordLogger();
    const connection = {
      remotePeer: { toString: () => 'peer' },
      abort: () => {
        throw new Error('closed');
      },
      close: async () => {
        throw new Error('closed as well');
      },
    } as unknown as Connection;
    endConnection(connection, new Error('enough'), logger);
    await vi.waitFor(() => expect(logger.lines).toHaveLength(2));
  });
});
