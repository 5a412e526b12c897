import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';

// A program: somebody who is no member tries to use a relay. node nat-stranger.ts RELAY PEER
// prints what it achieved, as JSON.

const [relay = '', peer = ''] = process.argv.slice(2);

const node = await createLibp2p({
  addresses: { listen: [] },
  transports: [tcp(), circuitRelayTransport()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionMonitor: { enabled: false },
  services: { identify: identify() },
});
const worked = async (task: () => Promise<unknown>): Promise<boolean> => {
  try {
    await task();
    return true;
  } catch {
    return false;
  }
};
const signal = (): AbortSignal => AbortSignal.timeout(8000);
const connected = await worked(() => node.dial(multiaddr(relay), { signal: signal() }));
const way = multiaddr(`${relay}/p2p-circuit/p2p/${peer}`);
const reached = await worked(() => node.dial(way, { signal: signal() }));
await worked(() => node.dial(multiaddr(relay), { signal: signal() }));
const { components } = node as unknown as {
  components: { transportManager: { listen(addresses: unknown[]): Promise<void> } };
};
const listen = () => components.transportManager.listen([multiaddr(`${relay}/p2p-circuit`)]);
const reserved = (await worked(listen)) && node.getMultiaddrs().length > 0;
process.stdout.write(`${JSON.stringify({ connected, reached, reserved })}\n`);
process.exit(0);
