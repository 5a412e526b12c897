import { yamux } from '@libp2p/yamux';
import { StreamState, YamuxStream } from '@libp2p/yamux/stream';

/**
 * Yamux that gives a peer its window back when half of it is used, as the original in Go does. Ours
 * (8.0.3) does so after every frame: as many messages again as there are, each with an encryption
 * and two writes to the socket.
 */
export const sparingYamux: typeof yamux = (init) => yamux(init);

/** Fields that the package does not show; without them each frame is answered as before. */
interface Window {
  readonly recvWindow?: number;
  readonly recvWindowCapacity?: number;
}

const sendWindowUpdate = YamuxStream.prototype.sendWindowUpdate;

YamuxStream.prototype.sendWindowUpdate = function (this: YamuxStream): void {
  const { recvWindow = 0, recvWindowCapacity = 0 } = this as unknown as Window;
  // In the other states it carries a flag, or is not to be sent.
  const isEstablished = this.state === StreamState.Established;
  if (isEstablished && recvWindowCapacity > recvWindow / 2) return;
  sendWindowUpdate.call(this);
};
