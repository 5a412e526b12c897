import { beforeEach, describe, expect, it } from 'vitest';
import { MeshView, type MeshViewComponents } from '../../../../daemon/mesh/mesh-view.ts';
import { NodeLife } from '../../../../daemon/mesh/node-life.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../../../../daemon/node.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MEMBER, peerOf, STRANGER, TestMesh } from '../../membership/mesh-fixture.ts';

// Goal: where peers say that they can be reached comes to who dials them. Method: a node of which
// nothing is real but the view of the mesh, and the events of libp2p, which the test makes.

/** Not admitted yet: it registers no start. */
const SELF = peerOf(9);
const NEW = '/ip4/198.51.100.7/tcp/26633';
const LOGGED = '/ip4/192.0.2.1/tcp/26633';

/** Anything that is asked of it, called or not, is of the same kind. */
function idle(): never {
  const own = new Map<unknown, unknown>([
    ['then', undefined],
    [Symbol.toPrimitive, () => 'idle'],
  ]);
  const proxy: unknown = new Proxy(() => undefined, {
    get: (_target, property) => (own.has(property) ? own.get(property) : proxy),
    apply: () => proxy,
  });
  return proxy as never;
}

/** Parts of which some are real. */
const partly = (real: object): object =>
  new Proxy(real, { get: (target, name) => Reflect.get(target, name) ?? idle() });

describe('what a peer says of itself', () => {
  const mesh = new TestMesh();
  mesh.put(MEMBER, 'member', { addresses: [LOGGED] });
  let node: EventTarget;
  let view: MeshView;

  const tell = (type: string, detail: unknown): void => {
    node.dispatchEvent(new CustomEvent(type, { detail }));
  };
  const identify = (peer: string, addresses: readonly string[], status = 'open'): void =>
    tell('peer:identify', { peerId: peer, listenAddrs: addresses, connection: { status } });

  beforeEach(async () => {
    node = new EventTarget();
    const { state } = mesh;
    view = new MeshView({
      ...{ state, self: SELF, vouched: [], voters: [] },
    } as unknown as MeshViewComponents);
    const own = { view, state, network: partly({ node }) };
    const parts = partly(own);
    const components = { logger: silentLogger, signer: { peer: SELF }, onEvent: () => undefined };
    const life = new NodeLife(
      components as unknown as NodeComponents,
      { boot: {} } as unknown as NodeInit,
      parts as unknown as NodeParts,
    );
    await life.start();
  });

  it('is dialled from then on, before what the log says', () => {
    expect(view.dialAddresses(MEMBER)).toEqual([LOGGED]);
    identify(MEMBER, [`${NEW}/p2p/${MEMBER}`]);
    expect(view.dialAddresses(MEMBER)).toEqual([NEW, LOGGED]);
    // It may have gone away with its address, or only for a moment.
    tell('peer:disconnect', MEMBER);
    expect(view.dialAddresses(MEMBER)).toEqual([NEW, LOGGED]);
  });

  it('is forgotten when it goes and is no member', () => {
    identify(STRANGER, [NEW]);
    expect(view.addressesOf(STRANGER)).toEqual([NEW]);
    tell('peer:disconnect', STRANGER);
    expect(view.addressesOf(STRANGER)).toEqual([]);
  });

  it('counts only while it is connected: nothing else would ever take it back', () => {
    identify(MEMBER, [NEW], 'closed');
    expect(view.dialAddresses(MEMBER)).toEqual([LOGGED]);
  });
});
