import type { Clock, Crypto, Gossip, GossipMessage } from '../../interface/index.ts';
import { equalBytes } from '../../wire/index.ts';
import { type AnnouncedAgent, announcementHash, encodeAnnouncement, encodeBeat } from '../codec.ts';

/**
 * A signature that is handed to who asks is made anew after this long: it counts as a sign of life
 * of its time.
 */
const SIGNED_AGE_MAX_MS = 5_000;

/** What the announcement of this node is made with. */
export interface OwnAnnouncementComponents {
  readonly gossip: Gossip;
  readonly clock: Clock;
  readonly crypto: Crypto;
  /** A message of this node on the capability topic, signed as gossip signs it, but not sent. */
  readonly sign: (body: Uint8Array) => GossipMessage;
}

/**
 * The announcement of this node that is in force: sent on change, named by each beat, handed to who
 * asks.
 */
export class OwnAnnouncement {
  readonly #components: OwnAnnouncementComponents;
  #seq = 0;
  #boot = 0;
  #bodies: readonly Uint8Array[] = [];
  #hash = new Uint8Array(32);
  #signed: { readonly atMs: number; readonly originals: readonly Uint8Array[] } | undefined;

  constructor(components: OwnAnnouncementComponents) {
    this.#components = components;
  }

  /** Its numbers; seq 0 before the first. */
  get numbers(): { readonly boot: number; readonly seq: number } {
    return { boot: this.#boot, seq: this.#seq };
  }

  /** Publishes the list under the next number. False when it is the list that is in force. */
  announce(agents: readonly AnnouncedAgent[]): boolean {
    if (this.#seq > 0 && this.#isInForce(agents)) return false;
    this.#seq += 1;
    this.#bodies = encodeAnnouncement(this.#seq, agents);
    this.#hash = new Uint8Array(announcementHash(this.#components.crypto.sha256, this.#bodies));
    this.#signed = undefined;
    this.originals();
    for (const [part, body] of this.#bodies.entries()) {
      this.#components.gossip.publish('capability', body, `announcement-${part}`);
    }
    return true;
  }

  /** Publishes a beat; nothing before the first announcement. */
  beat(): void {
    if (this.#seq === 0) return;
    this.#components.gossip.publish('capability', encodeBeat(this.#seq, this.#hash), 'beat');
  }

  /** Signed messages for who asks: the parts, or the beat alone for who has them. */
  originals(known?: { readonly seq: number }): readonly Uint8Array[] {
    const { clock, sign } = this.#components;
    if (this.#seq === 0) return [];
    if (known?.seq === this.#seq) return [sign(encodeBeat(this.#seq, this.#hash)).original];
    const atMs = clock.monotonicMs();
    if (this.#signed === undefined || atMs - this.#signed.atMs > SIGNED_AGE_MAX_MS) {
      const messages = this.#bodies.map((body) => sign(body));
      this.#boot = messages[0]?.boot ?? 0;
      this.#signed = { atMs, originals: messages.map(({ original }) => original) };
    }
    return this.#signed.originals;
  }

  #isInForce(agents: readonly AnnouncedAgent[]): boolean {
    const bodies = encodeAnnouncement(this.#seq, agents);
    return (
      bodies.length === this.#bodies.length &&
      bodies.every((body, part) => equalBytes(body, this.#bodies[part] ?? new Uint8Array(0)))
    );
  }
}
