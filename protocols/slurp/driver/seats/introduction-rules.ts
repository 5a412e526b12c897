import type { MemberRecord } from '../../../interface/index.ts';
import { lostStateProblem } from '../../heads/claim-check.ts';
import type { SignedHead } from '../../machine/codec.ts';
import type { Hello, RefusalReason } from '../raft-codec.ts';

/** What a hello is judged by. */
export interface IntroductionFacts {
  /** Whether the peer is a voter or a learner, as far as it is known here. */
  readonly isConfigured: boolean;
  readonly member: Pick<MemberRecord, 'boot' | 'bootNonce'> | undefined;
  /** The highest head with its signature that was verified here. */
  readonly head: SignedHead | undefined;
}

/**
 * Why a voter is not listened to, or undefined when it is. A home that was restored from a copy is
 * found out here: by a start that is older than the one in the log, or by its own signature under
 * a head that its log does not reach. It may have forgotten a vote or an acknowledgement, so
 * nothing of it may count (docs/protocols/slurp.md, Roles).
 */
export function introductionProblem(
  peer: string,
  hello: Hello,
  { isConfigured, member, head }: IntroductionFacts,
): RefusalReason | undefined {
  if (!isConfigured || member === undefined) return 'not-configured';
  const isOther = hello.boot === member.boot && hello.bootNonce !== member.bootNonce;
  if (hello.boot < member.boot || (isOther && member.bootNonce !== '')) return 'stale-start';
  return lostStateProblem(peer, hello, head) === undefined ? undefined : 'lost-state';
}
