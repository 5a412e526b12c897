import {
  type ErrorDetails,
  type Gossip,
  type GossipMessage,
  type GossipVerdict,
  isCooeeError,
  type Logger,
  type Metrics,
  toError,
} from '../interface/index.ts';
import { decodeMessage, type EnrolAnswer, type EnrolRequest, encodeAnswer } from './codec.ts';

/** Longest text in the details of an answer. */
const DETAIL_TEXT_MAX = 256;
const DETAILS_MAX = 16;

/** Who takes what arrives on the topic. */
export interface EnrolReceivers {
  readonly onRequest: (origin: string, request: EnrolRequest) => GossipVerdict;
  readonly onAnswer: (origin: string, answer: EnrolAnswer) => void;
}

/** What the topic is built from. */
export interface EnrolTopicComponents {
  readonly gossip: Gossip;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** This node's peer id. */
  readonly self: string;
}

/**
 * The enrol topic: requests that every node relays without being able to read them, and the
 * leader's answers.
 */
export class EnrolTopic {
  readonly #components: EnrolTopicComponents;
  readonly #logger: Logger;
  #receivers: EnrolReceivers | undefined;

  constructor(components: EnrolTopicComponents) {
    this.#components = components;
    this.#logger = components.logger.child('cooee:enrolment:topic');
  }

  attach(receivers: EnrolReceivers): void {
    this.#receivers = receivers;
    this.#components.gossip.handle('enrol', (message) => this.#handle(message));
  }

  /** Sends the leader's refusal; one for this node itself takes the short way. */
  answer(answer: EnrolAnswer): void {
    const { gossip, self } = this.#components;
    if (answer.to === self) {
      this.#receivers?.onAnswer(self, answer);
      return;
    }
    const details = boundDetails(answer.details ?? {});
    try {
      gossip.publish('enrol', encodeAnswer({ ...answer, details }));
    } catch (error) {
      // The publisher sends its request again, and is answered then.
      this.#logger.warn({ err: toError(error), code: answer.code }, 'a refusal was not sent');
    }
  }

  #handle(message: GossipMessage): GossipVerdict {
    try {
      const decoded = decodeMessage(message.body);
      if (decoded.kind === 'request') {
        return this.#receivers?.onRequest(message.origin, decoded) ?? 'ignore';
      }
      this.#receivers?.onAnswer(message.origin, decoded);
      return 'accept';
    } catch (error) {
      const code = isCooeeError(error) ? error.code : 'ERR_API_INTERNAL';
      this.#components.metrics.count('cooee_enrolment_messages_refused_total', { code });
      this.#logger.debug({ origin: message.origin, code }, 'a message was refused');
      const isMalformed = code === 'ERR_WIRE_MALFORMED' || code === 'ERR_WIRE_TOO_LARGE';
      return isMalformed ? 'reject' : 'ignore';
    }
  }
}

function boundDetails(details: ErrorDetails): ErrorDetails {
  const entries = Object.entries(details)
    .filter(([, value]) => typeof value !== 'number' || Number.isSafeInteger(value))
    .map(([key, value]) => [
      key.slice(0, 32),
      typeof value === 'string' ? value.slice(0, DETAIL_TEXT_MAX) : value,
    ]);
  return Object.fromEntries(entries.slice(0, DETAILS_MAX));
}
