import { Redial } from '../../bootstrap/redial.ts';
import { Admission, signStart } from '../../protocols/membership/index.ts';
import { IdentityGuard } from '../mesh/identity-guard.ts';
import { Introduction } from '../mesh/introduction.ts';
import { isAnswering } from '../mesh/is-answering.ts';
import { Watchdog } from '../mesh/watchdog.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';

/** The parts of a node that let others in, and keep this one in the mesh. */
type MembershipParts = Pick<
  NodeParts,
  'guard' | 'admission' | 'introduction' | 'redial' | 'watchdog'
>;

/** The parts that those work with. */
type Ground = Pick<
  NodeParts,
  | 'blockCourier'
  | 'consensus'
  | 'courier'
  | 'guests'
  | 'meshLog'
  | 'network'
  | 'outbox'
  | 'seen'
  | 'standing'
  | 'state'
  | 'view'
  | 'writer'
>;

/** Being a member: who gets in, whose identity runs twice, staying connected. */
export function buildMembership(
  components: NodeComponents,
  init: NodeInit,
  ground: Ground,
): MembershipParts {
  const { signer, clock, random, health, store, logger } = components;
  const { state, guests, view, consensus, writer, seen, network, standing, meshLog } = ground;
  const common = { ...components, ...ground, meshId: init.meshId, self: signer.peer };
  const guard = new IdentityGuard({
    ...common,
    boot: init.boot,
    askAgain: () => introduction.presentAgain(),
    onRemoved: () => {
      void redial.stop();
      watchdog.stop();
      standing.close();
    },
  });
  const admission = new Admission({
    ...common,
    logger: logger.child('cooee:membership:admission'),
    admit: async (body) => {
      const { index, ...outcome } = await writer.decide('member.add', body);
      return { index, outcome };
    },
    follow: (index, signal) => consensus.follow(index, signal),
    isAnswering: (peer, connections) => isAnswering(guests, peer, connections),
    onClone: (peer, boot) => guard.accuse(peer, boot),
    onRefused: (peer, code) => seen.door.note(peer, code, 'here'),
  });
  const introduction = new Introduction({
    ...common,
    streams: guests,
    start: signStart(signer, init.meshId, init.boot),
    onRefused: (peer, error) => {
      seen.door.note(peer, error.code, 'there');
      guard.refusedBy(peer, error);
    },
  });
  const redial = new Redial({
    clock,
    random,
    logger: logger.child('cooee:bootstrap:redial'),
    members: view.dialTargets,
    addressesOf: view.dialAddresses,
    isConnected: view.isConnected,
    dial: (peer, addresses, signal) => network.dial(peer, addresses, signal),
  });
  const watchdog = new Watchdog({
    ...{ clock, health, store, logger, state, self: signer.peer, view },
    isBehind: () => meshLog.appliedIndex < meshLog.commitIndex,
    handOver: () => consensus.handOver(),
  });
  return { guard, admission, introduction, redial, watchdog };
}
