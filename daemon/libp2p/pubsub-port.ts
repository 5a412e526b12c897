import { type GossipSub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { GossipVerdict } from '../../protocols/interface/index.ts';
import type { PubSub } from '../../protocols/wire/index.ts';

const RESULTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const satisfies Record<GossipVerdict, TopicValidatorResult>;

/** gossipsub as {@link PubSub}. */
export function pubSubOf(gossipsub: GossipSub): PubSub {
  return {
    publish: async (topic, data) => await gossipsub.publish(topic, data),
    subscribe: (topic) => gossipsub.subscribe(topic),
    setValidator: (topic, validate) => {
      gossipsub.topicValidators.set(topic, (peer, message) =>
        Promise.resolve(RESULTS[validate(peer.toString(), message.data)]),
      );
    },
  };
}
