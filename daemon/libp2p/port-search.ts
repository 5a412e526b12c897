import type { ComponentLogger, Metrics, Transport } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { openAddress } from './listen.ts';

/** What the TCP transport takes from libp2p. */
type TcpComponents = { readonly logger: ComponentLogger; readonly metrics?: Metrics };

/**
 * The TCP transport, whose listeners go on to the next free port when theirs is taken: two daemons
 * that start together see the same port free.
 *
 * @param moved where a listener that went on writes `address wanted -> address opened`
 */
export function tcpWithPortSearch(
  portsTried: number,
  moved: Map<string, string>,
): (components: TcpComponents) => Transport {
  const create = tcp();
  return (components) => {
    const transport = create(components);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => {
      const listener = createListener(options);
      const listen = listener.listen.bind(listener);
      listener.listen = async (address) => {
        const wanted = address.toString();
        const opened = await openAddress(wanted, portsTried, (text) => listen(multiaddr(text)));
        if (opened !== wanted) moved.set(wanted, opened);
      };
      return listener;
    };
    return transport;
  };
}
