import { CooeeError, type Crypto, type Requester, toError } from '../../../interface/index.ts';
import {
  type HeadSignature,
  isHeadSignature,
  joinSignatures,
  majorityOf,
  refuseHead,
} from '../head-rules.ts';
import type { HeadSigner } from './head-signer.ts';
import { headAnswer, headProtocol } from './protocol.ts';

/** A voter that has not answered by then is away; it waits up to a second itself. */
const ASK_TIMEOUT_MS = 2_000;

/** What {@link collectHead} works with. */
export interface CollectComponents {
  readonly meshId: string;
  readonly self: string;
  readonly signer: Pick<HeadSigner, 'sign'>;
  readonly requester: Requester;
  readonly crypto: Crypto;
}

/**
 * Asks all voters at once to sign a head's body, and puts the head together as soon as a majority
 * has.
 *
 * @throws CooeeError what the last voter answered that made a majority impossible; the signal's
 * reason
 */
export async function collectHead(
  components: CollectComponents,
  body: Uint8Array,
  options: {
    readonly signers: readonly string[];
    readonly signal: AbortSignal;
    /** Told why a voter does not sign. */
    readonly onRefused?: ((error: Error) => void) | undefined;
  },
): Promise<Uint8Array> {
  const { signers, signal, onRefused } = options;
  const needed = majorityOf(signers.length);
  const signatures: HeadSignature[] = [];
  let failures = 0;
  await new Promise<void>((resolve, reject) => {
    for (const voter of signers) {
      ask(components, voter, { body, signal }).then(
        (s) => {
          if (signatures.length < needed) signatures.push({ voter, s });
          if (signatures.length === needed) resolve();
        },
        (thrown: unknown) => {
          const error = toError(thrown);
          failures++;
          onRefused?.(error);
          if (signers.length - failures < needed) reject(error);
        },
      );
    }
  });
  signal.throwIfAborted();
  return joinSignatures(body, signatures);
}

async function ask(
  components: CollectComponents,
  voter: string,
  { body, signal }: { readonly body: Uint8Array; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { meshId, self, signer, requester, crypto } = components;
  if (voter === self) return await signer.sign(self, body);
  const options = { timeoutMs: ASK_TIMEOUT_MS, signal };
  const s = headAnswer.decode(await requester.request(voter, headProtocol(meshId), body, options));
  if (!isHeadSignature(crypto, body, { voter, s })) {
    throw refuseHead('signature', 'a voter answered with a signature that is not its own', {
      voter,
    });
  }
  return s;
}

/** Why a leader's service ends what is under way. */
export function stopsSigning(): CooeeError {
  return new CooeeError('ERR_SLURP_NO_LEADER', 'the leader stops');
}
