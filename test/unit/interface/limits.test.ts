import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../protocols/interface/index.ts';

describe('limits', () => {
  it.each(Object.entries(LIMITS))('%s is a positive whole number', (_, value) => {
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(value).toBeGreaterThan(0);
  });

  // What must hold between them, or something within one limit can never be sent within another.
  it.each<[string, number, number]>([
    ['a batch fits a stream message', LIMITS.batchBytesMax, LIMITS.streamMessageBytesMax],
    ['a block fits a stream message', LIMITS.submissionBlockBytesMax, LIMITS.streamMessageBytesMax],
    [
      'a sealed enrolment fits gossip',
      LIMITS.enrolmentSealedBytesMax,
      LIMITS.gossipMessageBytesMax,
    ],
    ['an enrolment fits its seal', LIMITS.enrolmentBytesMax, LIMITS.enrolmentSealedBytesMax],
    ['a batch fits an HTTP body', LIMITS.batchBytesMax, LIMITS.httpBodyBytesMax],
    ['one agent does not fill the outbox', LIMITS.outboxItemsPerAgentMax, LIMITS.outboxItemsMax],
    ['the default page is a page', LIMITS.listItemsDefault, LIMITS.listItemsMax],
    ['the default wait is a wait', LIMITS.waitMsDefault, LIMITS.waitMsMax],
    ['one address does not fill the door', LIMITS.guestsPerAddressMax, LIMITS.guestsMax],
    ['an upgrade is part of a stay', LIMITS.upgradeTimeoutMs, LIMITS.guestStayMs],
    ['a host has numbers', LIMITS.agentsPerHostMax, LIMITS.agentNumbersV1Max * LIMITS.gpuSlotsMax],
  ])('%s', (_, smaller, larger) => expect(smaller).toBeLessThanOrEqual(larger));
});
