/** The topics of a mesh: `/cooee/<mesh>/<name>/1`. */
export type TopicName = 'capability' | 'submission' | 'help' | 'enrol' | 'slurp';

/**
 * A gossip message whose size, form, mesh, membership, signature, time and number have been
 * checked.
 */
export interface GossipMessage {
  readonly topic: TopicName;
  readonly origin: string;
  readonly boot: number;
  /** Increases with every message of the origin's boot, over all topics. */
  readonly seq: number;
  readonly timeMs: number;
  /** Canonical bytes of the topic's own message; not looked at yet. */
  readonly body: Uint8Array;
  /** The signed original, as received: what a node keeps and hands to newcomers. */
  readonly original: Uint8Array;
}

/**
 * What a topic's protocol says of a message: reject = malformed (scored), ignore = not now or not
 * known.
 */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

/** Gossip as the protocols see it. Own messages are not delivered to their sender. */
export interface Gossip {
  /**
   * Signs and publishes, at most five a second on a topic, the first at once. While messages wait,
   * one with the same
   * `key` replaces the earlier one; with nobody to hear it the message is dropped, so publish again
   * when it matters.
   *
   * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_RATE when too many wait
   */
  publish(topic: TopicName, body: Uint8Array, key?: string): void;
  /**
   * Sets the handler of a topic: called for each valid message, before it is forwarded. Must be
   * quick.
   */
  handle(topic: TopicName, handler: (message: GossipMessage) => GossipVerdict): void;
  /**
   * Checks a signed original that came another way (a newcomer's table): form, mesh, signature. Not
   * its time or number.
   *
   * @throws CooeeError ERR_WIRE_MALFORMED, ERR_WIRE_VERSION, ERR_SLURP_SIGNATURE,
   * ERR_MEMBERSHIP_NOT_MEMBER
   */
  open(original: Uint8Array): GossipMessage;
}
